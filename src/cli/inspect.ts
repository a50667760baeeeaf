import { parseArgs } from 'node:util';
import { nodeEngine } from '../crypto/node.js';
import { fromUtf8, parseJsonObject, type JsonObject } from '../protocol/json.js';
import { splitJwe } from '../protocol/jwe.js';
import { parseRequestHeader, parseResponseHeader } from '../protocol/message.js';
import { readFileSync } from 'node:fs';
import { readableFile } from './form.js';
import { readStream, summarize, type InspectedFrames } from './stream.js';
import { EXIT, harmless, painter, readInput, UsageError, type Terminal } from './terminal.js';

/** What anyone sees of a message. */
export interface Inspected {
  /** `request` or `response` if it is one of the protocol's messages with a valid header. */
  readonly kind: 'request' | 'response' | 'other JWE';
  readonly header: JsonObject;
  /** In bytes: the whole as it travels, and each part decoded. */
  /** Of a body in frames: what follows its message, which is then the stream's head. */
  readonly stream?: InspectedFrames;
  readonly sizes: Readonly<Record<'message' | 'header' | 'encryptedKey' | 'iv' | 'ciphertext' | 'tag', number>>;
}

/** What members of the header mean, for those who read one. */
const MEANINGS: Readonly<Record<string, string>> = {
  alg: 'how the content key is found: dir is the channel’s own',
  ek: 'the client’s share of an RSA channel’s keys, encrypted to the server',
  kept: 'the server has stored the keys: later requests need no ek',
  kid: 'the channel',
  seq: 'used once on its channel',
  method: 'bound to this method',
  target: 'bound to this path and query',
  idem: 'bound to this Idempotency-Key',
  cty: 'the media type inside',
  status: 'the true status',
  meta: 'how many bytes of the plaintext are query and header fields',
  frames: 'what follows: a body in frames, or a socket',
  length: 'of the body in frames, in bytes',
  early: 'sealed before the last frame of the request was opened',
  dev: 'the proof of a device key',
};

/** `inspect [MESSAGE|@FILE|-] [--json]` */
export async function inspect(args: string[], terminal: Terminal): Promise<number> {
  const options = { json: { type: 'boolean', default: false } } as const;
  // A message never begins with a dash, and a single "-" is not an option.
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (positionals.length > 1) throw new UsageError('inspect takes one message');
  const [given = '-'] = positionals;
  const outcome = lookAt(await readGiven(given, terminal));
  if (typeof outcome === 'string') {
    terminal.err(`nestjs-e2e-encryption: ${outcome}\n`);
    return EXIT.usage;
  }
  terminal.out(values.json ? `${JSON.stringify(outcome)}\n` : explain(outcome, terminal));
  return EXIT.ok;
}

async function readGiven(given: string, terminal: Terminal): Promise<Uint8Array> {
  if (given === '-') return readInput(terminal);
  return given.startsWith('@') ? readFileSync(readableFile('inspect', given.slice(1))) : Buffer.from(given);
}

/** A message's outside, or a stream's, or why it is neither. */
function lookAt(bytes: Uint8Array): Inspected | string {
  const { head, ...stream } = readStream(bytes);
  const outcome = look(head.trim());
  const isHead = typeof outcome === 'object' && outcome.header.frames === 'body';
  const isMore = Buffer.from(bytes.subarray(head.length)).toString('latin1').trim() !== '';
  if (!isHead || !isMore) return look(Buffer.from(bytes).toString('utf8').trim());
  return { ...outcome, stream };
}

/** A message's outside, or why it is none. */
export function look(text: string): Inspected | string {
  if (text === '') return 'there is no message to inspect';
  const count = text.split('.').length;
  if (count !== 5) {
    const hint = count === 3 ? ': a compact JWS, such as a JWT, has three' : '';
    return `this is no compact JWE: it has ${count} ${count === 1 ? 'part' : 'parts'}, and not five${hint}`;
  }
  const jwe = splitJwe(text);
  if (!jwe) {
    return 'this is no message: it has no header, or one that is too long, or its IV or tag has the wrong length';
  }
  const parts = {
    header: jwe.protected,
    encryptedKey: jwe.encryptedKey,
    iv: jwe.iv,
    ciphertext: jwe.ciphertext,
    tag: jwe.tag,
  };
  const sizes: Record<string, number> = { message: text.length };
  for (const [name, part] of Object.entries(parts)) {
    const bytes = nodeEngine.decodeBase64url(part);
    if (!bytes) return `this is no message: its ${name} is not in canonical base64url, without padding`;
    sizes[name] = bytes.length;
  }
  const json = readText(jwe.protected);
  const header = json === undefined ? undefined : parseJsonObject(json);
  if (json === undefined || !header) return 'this is no message: its header is no JSON object';
  const kind = parseRequestHeader(json) ? 'request' : parseResponseHeader(json) ? 'response' : 'other JWE';
  return { kind, header, sizes: sizes as Inspected['sizes'] };
}

function readText(part: string): string | undefined {
  try {
    return fromUtf8(nodeEngine.decodeBase64url(part)!);
  } catch {
    return undefined;
  }
}

function explain({ kind, header, sizes, stream }: Inspected, terminal: Terminal): string {
  const paint = painter(terminal, 'out');
  const clip = (text: string) => (text.length > 80 ? `${text.slice(0, 77)}...` : text);
  const width = Math.max(...Object.keys(header).map((name) => name.length), 12);
  const members = Object.entries(header).map(([name, value]) => {
    const meaning = name === 'iat' && typeof value === 'number' ? sealedAt(value) : MEANINGS[name];
    const shown = harmless(clip(JSON.stringify(value)));
    return `  ${paint('cyan', harmless(name).padEnd(width))}  ${shown}${meaning ? paint('dim', `   ${meaning}`) : ''}`;
  });
  const parts = Object.entries(sizes).map(([name, size]) => `  ${paint('cyan', name.padEnd(width))}  ${size} bytes`);
  const title =
    kind === 'other JWE'
      ? 'A compact JWE, but no message of this protocol'
      : `A sealed ${kind}${stream ? ', a stream' : ''}`;
  return [
    paint('bold', title),
    '',
    paint('bold', 'Protected header, readable by anyone'),
    ...members,
    '',
    paint('bold', 'Sizes'),
    ...parts,
    '',
    ...(stream ? [paint('bold', 'Frames'), ...summarize(stream).map((line) => `  ${line}`), ''] : []),
    'To read the ciphertext, you need the keys of the channel, which only its two ends have.',
    '',
  ].join('\n');
}

function sealedAt(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? 'when it was sealed' : `sealed ${date.toISOString()}, by the server's clock`;
}
