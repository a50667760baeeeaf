import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * Makes more RSA pairs than there are threads to make them on: whoever had begun to make one in the background is done
 * afterwards, on a machine of any speed.
 */
export async function makeRsaPairs(): Promise<void> {
  const make = promisify(generateKeyPair);
  await Promise.all(Array.from({ length: 6 }, () => make('rsa', { modulusLength: 2048 })));
}
