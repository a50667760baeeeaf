import { parseArgs } from 'node:util';
import { explainKeys, generateKeys } from './keygen.js';

const HELP = `nestjs-e2e-encryption <command>

  keygen [--alg Ed25519|ES256] [--json]
      Makes a secret and an identity key, and says what to put where.
      --alg   the identity key's signature algorithm (default Ed25519; ES256 where clients lack Ed25519)
      --json  the same as one JSON object, for scripts

  help
      Prints this.
`;

/** Runs a command line (without node and script) and gives the exit code: 0, or 2 where it was not understood. */
export function run(args: readonly string[], print: (text: string) => void, complain: (text: string) => void): number {
  const [command = 'help', ...rest] = args;
  if (command === 'help' || command === '--help' || command === '-h') {
    print(HELP);
    return 0;
  }
  try {
    if (command !== 'keygen') throw new Error(`there is no command "${command}"`);
    const options = { alg: { type: 'string', default: 'Ed25519' }, json: { type: 'boolean', default: false } } as const;
    const { alg, json } = parseArgs({ args: rest, options }).values;
    if (alg !== 'Ed25519' && alg !== 'ES256') throw new Error('--alg takes Ed25519 or ES256');
    const keys = generateKeys(alg);
    print(json ? `${JSON.stringify(keys)}\n` : explainKeys(keys));
    return 0;
  } catch (error) {
    complain(`nestjs-e2e-encryption: ${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
}
