import { beforeAll, describe, expect, it } from '@jest/globals';
import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ForgeEngine } from '../../../src/crypto/forge.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { WebEngine } from '../../../src/crypto/web.js';
import type { CryptoEngine } from '../../../src/protocol/crypto.js';
import { FRAME_KIND, MAX_FRAME_BYTES } from '../../../src/protocol/frames.js';
import type { KeyKind } from '../../../src/protocol/keys.js';
import { StreamEnds, wireOf, type Asked, type Body, type Outcome, type Stream } from './support/stream-ends.js';

const BODY: Body = { pieces: ['first, ', 'second', '!'] };
const TEXT = BODY.pieces.join('');
const FOREIGN: Body = { pieces: ['FIRST, ', 'SECOND', '?'] };

/** How many streams were put together in each direction. */
const tried = new Map<string, number>();

/** One direction of a channel: how a stream is made, and how it is read with other frames than its own. */
interface Direction {
  readonly make: (body: Body) => Promise<Stream>;
  readonly read: (stream: Pick<Stream, 'head' | 'frames'>) => Promise<Outcome>;
  /** Streams that are none of this one's: of the same channel, of its other direction, of another channel. */
  readonly foreign: () => Promise<readonly Stream[]>;
}

async function upload(engine: CryptoEngine, kind: KeyKind): Promise<Direction> {
  const [ends, others] = [await StreamEnds.make(engine, kind), await StreamEnds.make(engine, kind)];
  return {
    make: (body) => ends.upload(body),
    read: (stream) => ends.readUpload(wireOf(stream)),
    foreign: async () => [
      await ends.upload(FOREIGN),
      await ends.answer(await ends.ask(), FOREIGN),
      await others.upload(FOREIGN),
    ],
  };
}

async function answer(engine: CryptoEngine, kind: KeyKind): Promise<Direction> {
  const [ends, others] = [await StreamEnds.make(engine, kind), await StreamEnds.make(engine, kind)];
  let asked: Asked;
  return {
    make: async (body) => ends.answer((asked = await ends.ask()), body),
    read: (stream) => ends.readAnswer(asked.seq, Uint8Array.from(wireOf(stream))),
    foreign: async () => [
      await ends.answer(asked, FOREIGN),
      await ends.upload(FOREIGN),
      await others.answer(await others.ask(), FOREIGN),
    ],
  };
}

const KINDS: readonly KeyKind[] = ['RSA', 'P-256', 'X25519'];
type Case = readonly [name: string, make: () => Promise<Direction>, longest?: number];
const CASES: readonly Case[] = [
  ...KINDS.map((kind): Case => [`an upload on a channel of kind ${kind}`, () => upload(new NodeEngine(), kind)]),
  ...KINDS.map((kind): Case => [`an answer on ${kind}, web engine`, () => answer(new WebEngine(), kind)]),
  // Forge takes ten times as long as the others.
  ['an answer on RSA, forge engine', () => answer(new ForgeEngine(), 'RSA'), 2],
];

/** Every sequence of at most so many of these. */
function* sequences<T>(items: readonly T[], most: number): Generator<readonly T[]> {
  yield [];
  if (most === 0) return;
  for (const item of items) for (const rest of sequences(items, most - 1)) yield [item, ...rest];
}

/** A frame that is genuine in all but its first four bytes, which are authenticated as they stand. */
function oddFrame(key: Uint8Array, number: number, header: Buffer, plaintext: string): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(header);
  return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function header(kind: number, length: number): Buffer {
  return Buffer.of(kind, length >> 16, (length >> 8) & 0xff, length & 0xff);
}

/** None of these is read as complete, and none but what the honest stream begins with is read at all. */
async function noneComplete(
  direction: string,
  read: Direction['read'],
  streams: Iterable<[name: unknown, stream: Pick<Stream, 'head' | 'frames'>, end?: string]>,
): Promise<void> {
  const wrong: unknown[] = [];
  let count = tried.get(direction) ?? 0;
  for (const [name, stream, expected = 'stream-broken'] of streams) {
    const [text, end] = await read(stream);
    if (end !== expected || !TEXT.startsWith(text)) wrong.push([name, text, end]);
    count++;
  }
  expect(wrong).toEqual([]);
  tried.set(direction, count);
}

describe.each(CASES)('%s', (name, make, longest = 3) => {
  let direction: Direction;
  beforeAll(async () => {
    direction = await make();
  });

  it('is complete in one of all sequences of frames, its own and foreign ones', async () => {
    const { make: seal, read, foreign } = direction;
    const own = await seal(BODY);
    const alphabet = [own, ...(await foreign())].flatMap(({ frames }, stream) =>
      frames.map((frame, index) => ({ name: `${stream}.${index}`, frame })),
    );
    expect(alphabet).toHaveLength(12);
    expect(await read(own)).toEqual([TEXT, 'whole']);
    const isOwn = (sequence: readonly { name: string }[]) => sequence.map((each) => each.name).join() === '0.0,0.1,0.2';
    // A frame that cannot open where it stands ends the stream: what follows it is tried with the shorter sequences.
    const all = [
      ...sequences(alphabet, longest),
      ...[...sequences(alphabet.slice(0, 3), 5)].filter(({ length }) => length > longest),
    ];
    await noneComplete(
      name,
      read,
      all
        .filter((sequence) => !isOwn(sequence))
        .map((sequence) => [
          sequence.map((each) => each.name),
          { head: own.head, frames: sequence.map(({ frame }) => frame) },
        ]),
    );
  });

  it('is not complete with a frame after its end, a byte after it, or its whole self after it', async () => {
    const { make: seal, read, foreign } = direction;
    const own = await seal(BODY);
    const after = [
      ...own.frames,
      ...(await foreign()).flatMap(({ frames }) => frames),
      ...Array.from({ length: 256 }, (_, byte) => Buffer.of(byte)),
      wireOf(own),
      Buffer.from('\n'),
      Buffer.from('\r\n'),
    ];
    // Genuine frames that its own sender put behind the last one.
    for (const kind of [FRAME_KIND.more, FRAME_KIND.last, FRAME_KIND.failed]) {
      for (const text of ['', 'x']) after.push(oddFrame(own.key, 3, header(kind, 16 + text.length), text));
    }
    await noneComplete(
      name,
      read,
      after.map((bytes, index) => [index, { head: own.head, frames: [...own.frames, bytes] }]),
    );
  });

  it('is not complete with a frame of an odd kind or length, though it is authentic', async () => {
    const { make: seal, read } = direction;
    const own = await seal(BODY);
    const [first, ...rest] = own.frames as [Buffer, ...Buffer[]];
    const text = BODY.pieces[0]!;
    const frames: [string, Buffer][] = [];
    for (let kind = 3; kind < 256; kind++) {
      frames.push([`kind ${kind}`, oddFrame(own.key, 0, header(kind, 16 + text.length), text)]);
    }
    for (let length = 0; length < 16; length++) {
      frames.push([`length ${length}`, oddFrame(own.key, 0, header(0, length), '').subarray(0, 4 + length)]);
    }
    for (const length of [MAX_FRAME_BYTES + 1, MAX_FRAME_BYTES + 2, 2 ** 20, 2 ** 24 - 17]) {
      frames.push([`of ${length} bytes`, oddFrame(own.key, 0, header(0, 16 + length), 'x'.repeat(length))]);
    }
    for (let lie = -first.length; lie <= first.length; lie++) {
      const length = 16 + text.length + lie;
      if (lie !== 0 && length >= 0) frames.push([`lies by ${lie}`, oddFrame(own.key, 0, header(0, length), text)]);
    }
    await noneComplete(
      name,
      read,
      frames.map(([what, frame]) => [what, { head: own.head, frames: [frame, ...rest] }]),
    );
  });

  it('has the length that its head says, or is not complete', async () => {
    const { make: seal, read } = direction;
    const lengths = [...Array.from({ length: 2 * TEXT.length }, (_, length) => length), 2 ** 32, 2 ** 53 - 1];
    for (const length of lengths) {
      const stream = await seal({ ...BODY, length });
      // The client reads an answer under its own request's number: each is read before the next is made.
      if (length === TEXT.length) expect(await read(stream)).toEqual([TEXT, 'whole']);
      else await noneComplete(name, read, [[length, stream]]);
    }
  });

  it('is not complete where its sender gave up', async () => {
    const { make: seal, read } = direction;
    const isUpload = name.startsWith('an upload');
    for (let given = 0; given <= BODY.pieces.length; given++) {
      const stream = await seal({ pieces: [...BODY.pieces.slice(0, given), ''], end: FRAME_KIND.failed });
      const end = isUpload ? 'stream-broken' : 'stream-failed';
      await noneComplete(name, read, [[given, stream, end]]);
    }
  });
});

it('says in docs/attacks.md how many streams were put together', () => {
  const all = [...tried.values()].reduce((sum, count) => sum + count, 0);
  console.log([...tried, ['in all', all]].map((row) => row.join(': ')).join('\n'));
  const page = readFileSync(new URL('../../../docs/attacks.md', import.meta.url), 'utf8');
  expect(/([\d,]+) streams are put together/.exec(page)?.[1]).toBe(all.toLocaleString('en'));
});
