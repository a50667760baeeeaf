import { nodeEngine as engine } from '../../crypto/node.js';
import type { ClassicKeyKind, PublicJwk } from '../../protocol/keys.js';
import type { Result } from './report.js';
import { isPlainProblem } from './server-case.js';
import { acceptedCases } from './server-cases/accepted.js';
import { rejectedCases } from './server-cases/rejected.js';
import { b64u, random, type Json } from './secrets.js';
import { Visitor, type ClientChannel } from './visitor.js';

export interface ServerOptions {
  readonly origin: URL;
  /** Of the module, with a slash before it. */
  readonly path: string;
  readonly timeout: number;
  readonly only: string | undefined;
}

const KINDS: readonly ClassicKeyKind[] = ['X25519', 'P-256', 'RSA'];
/** Any target works: a sealed request is opened, and its response sealed, even without a route. */
const TARGET = '/e2e-conformance';

/** Handshakes that are refused, by their JSON. */
const HANDSHAKES: readonly [name: string, body: () => string][] = [
  ['no JSON', () => '{'],
  ['an array', () => '[]'],
  ['no key', () => '{}'],
  ['a key of null', () => '{"publicKey":null}'],
  ['a key twice', () => withKey(x25519()).replace(/\}$/, ',"publicKey":{}}')],
  ['a private key', () => withKey({ ...x25519(), d: b64u(random(32)) })],
  ['an empty private member', () => withKey({ ...x25519(), k: '' })],
  ['members of another kind', () => withKey({ ...x25519(), n: 'AQAB', e: 'AQAB' })],
  ['an X25519 key of 31 bytes', () => withKey({ ...x25519(), x: b64u(random(31)) })],
  ['an X25519 key of zeros', () => withKey({ ...x25519(), x: b64u(new Uint8Array(32)) })],
  ['an X25519 key whose top bit is set', () => withKey({ ...x25519(), x: b64u(Buffer.alloc(32, 0x89)) })],
  ['an X25519 key that is not canonical', () => withKey({ ...x25519(), x: `${'A'.repeat(42)}B` })],
  ['a P-256 key off the curve', () => withKey(point(Buffer.alloc(32, 1)))],
  ['a P-256 key at the origin', () => withKey(point(Buffer.alloc(32)))],
  ['an RSA key of 1,024 bits', () => withKey(rsa(Buffer.alloc(128, 0xfb)))],
  ['an RSA key of 8,192 bits', () => withKey(rsa(Buffer.alloc(1024, 0xfb)))],
  ['an RSA key with a small factor', () => withKey(rsa(Buffer.alloc(256, 0xff)))],
  ['an RSA key with e = 3', () => withKey(rsa(Buffer.alloc(256, 0xfb), 'Aw'))],
  ['an unknown kty', () => withKey({ kty: 'oct', k: 'AAAA' })],
];

const x25519 = (): PublicJwk => engine.generateKeyPair('X25519').publicKey;
const point = (bytes: Uint8Array): Json => ({ kty: 'EC', crv: 'P-256', x: b64u(bytes), y: b64u(bytes) });
const rsa = (n: Uint8Array, e = 'AQAB'): Json => ({ kty: 'RSA', n: b64u(n), e });
const withKey = (publicKey: object): string => JSON.stringify({ publicKey });

/** Drives a server as an honest client and as a hostile one, and gives what came of each case. */
export async function* runServer({ origin, path, timeout, only }: ServerOptions): AsyncGenerator<Result> {
  const visitor = (): Visitor => new Visitor(origin, path, timeout);
  const isWanted = ({ name }: { name: string }) => only === undefined || name.includes(only);
  for (const [name, body] of HANDSHAKES.filter(([name]) => isWanted({ name }))) {
    const flaw = await caught(async () => isPlainProblem(await visitor().ask(body()), 'key-rejected'));
    yield result(2, `a handshake with ${name}`, '', flaw);
  }
  if (isWanted({ name: 'a handshake of another media type' })) {
    const flaw = await caught(async () => {
      const { status } = await visitor().ask(withKey(x25519()), 'text/plain');
      return status === 415 ? undefined : `expected 415, got ${status}`;
    });
    yield result(2, 'a handshake of another media type', '', flaw);
  }
  for (const kind of KINDS) {
    const opened = await open(visitor(), kind);
    if (opened === undefined) yield { section: 2, name: 'a handshake', kind, outcome: 'skipped' };
    else yield result(2, 'a handshake', kind, typeof opened === 'string' ? opened : undefined);
    if (opened === undefined || typeof opened === 'string') continue;
    for (const { section, name, run } of [...acceptedCases, ...rejectedCases].filter(isWanted)) {
      const context = { kind, channel: opened, stranger: visitor, target: TARGET };
      yield result(section, name, kind, await caught(() => run(context)));
    }
  }
}

/** A channel; an error; or nothing, if the server accepts no keys of this kind. */
async function open(visitor: Visitor, kind: ClassicKeyKind): Promise<ClientChannel | string | undefined> {
  try {
    return await visitor.shakeHands(kind);
  } catch (error) {
    const { message } = error as Error;
    return message.endsWith('answered with 422') ? undefined : message;
  }
}

function result(section: number, name: string, kind: string, flaw: string | undefined): Result {
  return {
    section,
    name,
    kind,
    outcome: flaw === undefined ? 'passed' : 'failed',
    ...(flaw !== undefined && { flaw }),
  };
}

async function caught(run: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await run();
  } catch (error) {
    return (error as Error).message;
  }
}
