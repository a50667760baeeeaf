import { breaks, fails, gives, KINDS, understands, type ClientCase } from '../client-case.js';
import { JOSE, STREAM, type RawAnswer } from '../answers.js';
import type { RequestCommand } from '../driven-client.js';
import type { Exchange } from '../exchange.js';
import { b64u, sealFrames, sha256, type Frame, type Json } from '../secrets.js';
import { CANARY } from '../server.js';

// Bodies in frames: PROTOCOL §6.

const GENUINE = 'hello world';
const HELLO: readonly Frame[] = [
  [0, 'hello '],
  [1, 'world'],
];
/** Of `HELLO` on the wire: 4 + 6 + 16 and 4 + 5 + 16 bytes. */
const WIRE_LENGTH = 51;

/** A stream of which the client may hand over no more than what is genuine. */
function broken(name: string, make: (exchange: Exchange) => RawAnswer, more: Partial<ClientCase> = {}): ClientCase {
  return { section: 6, name, server: { answer: make }, expect: breaks('stream-broken', GENUINE), ...more };
}

/** The frames of an honest stream, changed. */
function changed(name: string, change: (frames: Buffer[], exchange: Exchange, head: string) => Buffer[]): ClientCase {
  return broken(name, (exchange) => {
    const head = exchange.streamHead();
    return stream(head, change(exchange.frames(head, HELLO), exchange, head));
  });
}

function stream(head: string, frames: readonly Uint8Array[], isCut = false): RawAnswer {
  return { headers: STREAM, body: Buffer.concat([Buffer.from(`${head}\n`), ...frames]), isCut };
}

const cutAt = (isCut: boolean) => (exchange: Exchange) => {
  const head = exchange.streamHead();
  const wire = Buffer.concat(exchange.frames(head, HELLO));
  return stream(head, [wire.subarray(0, exchange.variant)], isCut);
};
const start = (kind: number, length: number): Buffer =>
  Buffer.from([kind, length >> 16, (length >> 8) & 255, length & 255]);

const BROKEN: readonly ClientCase[] = [
  broken('a stream that ends in order, after each of its bytes but the last', cutAt(false), { variants: WIRE_LENGTH }),
  broken('a stream whose connection is cut, after each of its bytes', cutAt(true), { variants: WIRE_LENGTH + 1 }),
  changed('no frame at all', () => []),
  changed('no last frame', ([first]) => [first!]),
  changed('a byte after the last frame', (frames) => [...frames, Buffer.alloc(1)]),
  changed('the last frame twice', (frames) => [...frames, frames[1]!]),
  changed('more frames after the last', (_, exchange, head) => exchange.frames(head, [...HELLO, [0, CANARY], [1, '']])),
  changed('frames in another order', ([first, second]) => [second!, first!]),
  changed('a frame twice', ([first, second]) => [first!, first!, second!]),
  changed('a frame left out', ([, second]) => [second!]),
  changed('the first frame as the last', ([first]) => [Buffer.concat([Buffer.from([1]), first!.subarray(1)])]),
  ...[0, 3, 4, 9, 10, 25].map((byte) =>
    changed(`byte ${byte} of a frame changed`, (frames) => {
      frames[0]![byte] = frames[0]![byte]! ^ 1;
      return frames;
    }),
  ),
  changed('the frames of another stream', (_, exchange) =>
    exchange.frames(exchange.streamHead({ status: 201 }), HELLO),
  ),
  changed('frames under the key of requests', (_, exchange, head) =>
    sealFrames(exchange.keys.requestFrames, head, HELLO),
  ),
  changed('a frame of kind 3', ([first, second]) => [Buffer.concat([Buffer.from([3]), first!.subarray(1)]), second!]),
  changed('a frame of 15 bytes', () => [start(1, 15), Buffer.alloc(15)]),
  changed('a frame of 65,553 bytes', () => [start(1, 65_553), Buffer.alloc(65_553)]),
  changed('a frame that announces 16 MiB', () => [start(1, 2 ** 24 - 1), Buffer.alloc(64)]),
  broken('kind 2 with bytes in it', (exchange) =>
    exchange.streamed([
      [0, 'hello '],
      [2, CANARY],
    ]),
  ),
  broken(
    'kind 2',
    (exchange) =>
      exchange.streamed([
        [0, 'hello '],
        [2, ''],
      ]),
    { expect: breaks('stream-failed', GENUINE) },
  ),
  broken('more bytes than length', (exchange) => exchange.streamed(HELLO, { length: 10 })),
  broken('fewer bytes than length', (exchange) => exchange.streamed(HELLO, { length: 12 })),
  broken('a last frame that takes the body over length', (exchange) =>
    exchange.streamed([...HELLO.slice(0, 1), [1, 'world']], { length: 6 }),
  ),
];

/** Heads that break a rule: nothing of their body may be handed over. */
const head = (name: string, make: (exchange: Exchange) => RawAnswer): ClientCase =>
  broken(`a head with ${name}`, make, { expect: fails('answer-rejected') });
const SECRET: readonly Frame[] = [[1, CANARY]];
const headMember = (name: string, changes: Json): ClientCase =>
  head(name, (exchange) => exchange.streamed(SECRET, changes));

const HEADS: readonly ClientCase[] = [
  headMember('no frames', { frames: undefined }),
  headMember('frames: null', { frames: null }),
  headMember("a socket's frames", { frames: 'socket' }),
  headMember('no cty', { cty: undefined }),
  headMember('another seq', { seq: 4_000_000 }),
  headMember('another kid', { kid: 'A'.repeat(43) }),
  headMember('status 204', { status: 204 }),
  headMember('status 304', { status: 304 }),
  headMember('length: null', { length: null }),
  headMember('length as a string', { length: String(CANARY.length) }),
  headMember('a length below 0', { length: -1 }),
  headMember('length with a fraction', { length: 0.5 }),
  headMember('zip', { zip: 'DEF' }),
  head('a body of its own', (exchange) =>
    stream(exchange.seal(CANARY, { frames: 'body' }), exchange.frames(exchange.streamHead(), SECRET)),
  ),
  {
    ...head('no line feed after it', (exchange) => ({ headers: STREAM, body: exchange.streamHead() })),
    expect: fails('answer-rejected', 'stream-broken'),
  },
  head('more than 32,768 bytes', () => ({ headers: STREAM, body: `${'A'.repeat(32_769)}\n` })),
  head('application/jose around it', (exchange) => ({ ...exchange.streamed(SECRET), headers: JOSE })),
  head('a message without frames in its place', (exchange) => stream(exchange.seal(CANARY), [])),
];

const PIECES = ['one ', '', 'two ', 'x'.repeat(70_000)];
const UPLOAD = { method: 'POST', target: '/upload', type: 'text/plain', stream: PIECES.map((piece) => b64u(piece)) };
const whole = PIECES.join('');
const uploaded = { cty: 'text/plain', frames: 'body', length: whole.length, sha256: b64u(sha256(whole)) };
const early = (status: number) => (exchange: Exchange) => exchange.sealed(CANARY, { status, early: true });

const upload = (
  name: string,
  request: Partial<RequestCommand>,
  more: Omit<Partial<ClientCase>, 'name'>,
): ClientCase => ({
  section: 6,
  name,
  server: {},
  requests: [{ ...UPLOAD, ...request }],
  expect: understands(uploaded),
  ...more,
});

const UPLOADS: readonly ClientCase[] = [
  upload('a body in frames', {}, { kinds: KINDS }),
  upload('a body in frames of a known length', { length: whole.length }, {}),
  upload('an empty body in frames', { stream: [] }, { expect: understands({ frames: 'body', length: 0 }) }),
  upload(
    'a body whose source fails, which ends with kind 2 or is cut off',
    { fails: true },
    {
      expect(outcome, { exchanges }) {
        if (!outcome.error) return 'the client reported no error';
        return exchanges.every(({ failure }) => failure) ? undefined : 'the server took the body for whole';
      },
      allowsViolations: true,
    },
  ),
  upload(
    'an early answer with a status under 400',
    {},
    {
      server: { answer: early(200) },
      expect: fails('stream-broken'),
    },
  ),
  upload(
    'an early answer in frames with a status under 400',
    {},
    {
      server: { answer: (exchange) => exchange.streamed(SECRET, { early: true }) },
      expect: fails('stream-broken'),
    },
  ),
  upload(
    'an early answer with status 413',
    {},
    {
      server: { answer: early(413) },
      expect: gives({ status: 413, body: CANARY }),
    },
  ),
];

const long = 'y'.repeat(65_536);
const download = (
  name: string,
  frames: readonly Frame[],
  changes: Json,
  body: string,
  kinds?: ClientCase['kinds'],
) => ({
  section: 6,
  name: `an answer in frames: ${name}`,
  ...(kinds && { kinds }),
  server: { answer: (exchange: Exchange) => exchange.streamed(frames, changes) },
  expect: gives({ body }),
});

const DOWNLOADS: readonly ClientCase[] = [
  download('two frames', HELLO, {}, GENUINE, KINDS),
  download('a known length', HELLO, { length: GENUINE.length }, GENUINE),
  download(
    'an empty last frame',
    [
      [0, GENUINE],
      [1, ''],
    ],
    {},
    GENUINE,
  ),
  download(
    'empty frames in between',
    [
      [0, ''],
      [0, 'hello '],
      [0, ''],
      [1, 'world'],
    ],
    {},
    GENUINE,
  ),
  download('an empty body', [[1, '']], { length: 0 }, ''),
  download(
    'full frames',
    [
      [0, long],
      [1, long],
    ],
    { length: 2 * long.length },
    long + long,
  ),
];

export const streamCases: readonly ClientCase[] = [
  ...DOWNLOADS,
  ...UPLOADS,
  ...BROKEN,
  ...HEADS,
  {
    section: 6,
    name: 'an answer in frames, with header fields inside',
    server: {
      answer: (exchange) => {
        const meta = JSON.stringify({ headers: { 'x-inside': 'yes', 'set-cookie': 'a=b' } });
        const streamHead = exchange.seal('', { cty: 'text/plain', frames: 'body' }, meta);
        return stream(streamHead, exchange.frames(streamHead, HELLO));
      },
    },
    expect: gives({ body: GENUINE, headers: { 'x-inside': 'yes', 'set-cookie': undefined } }),
  },
];
