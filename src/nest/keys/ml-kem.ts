import { createRequire } from 'node:module';
import { Encapsulator } from '../../channel/encapsulator.js';
import { HERE } from '../options/here.js';
import type { RateLimitedLogger } from '../request/rate-limited-logger.js';

const MISSING =
  'Handshakes of kind MLKEM768-X25519 are rejected (key-rejected): this Node has no ML-KEM-768 (Node 24.7 and later have ' +
  'it), and @noble/post-quantum, a dependency of nestjs-e2e-encryption, could not be loaded. Install it beside the built ' +
  'application, or remove the kind from the option keyKinds.';

/** What the server needs for hybrid handshakes. */
export function createEncapsulator(log: RateLimitedLogger): Encapsulator {
  return new Encapsulator({ noblePath: findNoble(), onMissing: () => log.say('error', MISSING) });
}

/** The file that the thread runs, or `undefined` if a bundler has moved it. This loads nothing. */
function findNoble(): string | undefined {
  try {
    return createRequire(HERE).resolve('@noble/post-quantum/ml-kem.js');
  } catch {
    return undefined;
  }
}
