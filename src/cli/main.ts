import { parseArgs } from 'node:util';
import { call } from './call.js';
import { conformance } from './conformance/conformance.js';
import { connect, webSocketClass } from './connect.js';
import { doctor } from './doctor/doctor.js';
import { helpOf, isCall } from './help.js';
import { inspect } from './inspect.js';
import { explainKeys, generateKeys } from './keygen.js';
import { optionWithValue } from './request.js';
import { EXIT, UsageError, type Terminal } from './terminal.js';

/** Runs a command line (without node and script) and gives the exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const [command = 'help', ...rest] = commandFirst(args);
  try {
    if (['help', '--help', '-h'].includes(command)) return print(terminal, helpOf(rest[0]));
    if (rest.includes('--help') || rest.includes('-h')) return print(terminal, helpOf(command));
    if (isCall(command)) return await call(command.toUpperCase(), rest, terminal);
    if (command === 'doctor') return await doctor(rest, terminal, webSocketClass);
    if (command === 'connect') return await connect(rest, terminal);
    if (command === 'inspect') return await inspect(rest, terminal);
    if (command === 'conformance') return await conformance(rest, terminal);
    if (command === 'keygen') return keygen(rest, terminal);
    throw new UsageError(`there is no command "${command}"`);
  } catch (error) {
    if (!isUsage(error)) throw error;
    terminal.err(`nestjs-e2e-encryption: ${error.message}\n\n${helpOf(command)}`);
    return EXIT.usage;
  }
}

/** The command, also after options, and then everything else: `-v get URL` is `get -v URL`. */
function commandFirst(args: readonly string[]): readonly string[] {
  let at = 0;
  while (at < args.length && args[at]!.startsWith('-') && args[at] !== '--') {
    at += optionWithValue(args[at]!) !== undefined || args[at] === '--alg' ? 2 : 1;
  }
  if (at >= args.length) return args;
  return [args[at]!, ...args.slice(0, at), ...args.slice(at + 1)];
}

function keygen(args: string[], terminal: Terminal): number {
  const options = { alg: { type: 'string', default: 'Ed25519' }, json: { type: 'boolean', default: false } } as const;
  const { alg, json } = parseArgs({ args, options }).values;
  if (alg !== 'Ed25519' && alg !== 'ES256') throw new UsageError('--alg takes Ed25519 or ES256');
  const keys = generateKeys(alg);
  return print(terminal, json ? `${JSON.stringify(keys)}\n` : explainKeys(keys));
}

function print(terminal: Terminal, text: string): number {
  terminal.out(text);
  return EXIT.ok;
}

/** `parseArgs` has its own errors for unknown options. */
function isUsage(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
}
