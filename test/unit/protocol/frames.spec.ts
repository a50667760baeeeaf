import { describe, expect, it } from '@jest/globals';
import { FrameOpener, FrameSealer, FRAME_KIND, streamKey } from '../../../src/channel/frames.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { framesLength, MAX_FRAME_BYTES, StreamError } from '../../../src/protocol/frames.js';

const { more, last, failed } = FRAME_KIND;
const HEAD = 'a head';
const BASE = nodeEngine.randomBytes(32);
const keyOf = (head: string) => streamKey(nodeEngine, BASE, head);

type Part = readonly [kind: 0 | 1 | 2, text: string];
const BODY: readonly Part[] = [
  [more, 'first '],
  [more, ''],
  [more, 'second '],
  [last, 'third'],
];

const framesOf = (parts: readonly Part[], head = HEAD): Buffer[] => {
  const sealer = new FrameSealer(nodeEngine, keyOf(head));
  return parts.map(([kind, text]) => sealer.seal(kind, Buffer.from(text)));
};

/** What is read of these bytes, in chunks of that size, and how it ends. */
function read(
  frames: readonly Uint8Array[],
  { length = undefined as number | undefined, size = 7 } = {},
): [string, string] {
  const wire = Buffer.concat(frames);
  const opener = new FrameOpener(nodeEngine, keyOf(HEAD), length);
  let text = '';
  try {
    for (let at = 0; at < wire.length; at += size) {
      for (const part of opener.push(wire.subarray(at, at + size))) text += Buffer.from(part).toString();
    }
    opener.end();
    return [text, 'whole'];
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return [text, error.code];
  }
}

describe('a stream in frames', () => {
  const honest = framesOf(BODY);
  const [a, b, c, d] = honest as [Buffer, Buffer, Buffer, Buffer];
  const whole = 'first second third';

  it('opens whole, however it is cut into chunks', () => {
    const { length } = Buffer.concat(honest);
    for (let size = 1; size <= length; size++) {
      expect([size, ...read(honest, { size })]).toEqual([size, whole, 'whole']);
    }
  });

  it('is never whole where it was cut, at any byte', () => {
    const wire = Buffer.concat(honest);
    for (let length = 0; length < wire.length; length++) {
      const [text, outcome] = read([wire.subarray(0, length)]);
      expect([length, outcome]).toEqual([length, 'stream-broken']);
      expect(whole.startsWith(text)).toBe(true);
    }
  });

  it('is broken with any one bit turned, and what was read before is a prefix', () => {
    const wire = Buffer.concat(honest);
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const changed = Buffer.from(wire);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const [text, outcome] = read([changed]);
      expect([bit, outcome]).toEqual([bit, 'stream-broken']);
      expect(whole.startsWith(text)).toBe(true);
    }
  });

  it.each<[string, Buffer[]]>([
    ['in another order', [a, c, b, d]],
    ['without one of them', [a, c, d]],
    ['with one of them twice', [a, a, b, c, d]],
    ['with its last frame twice', [a, b, c, d, d]],
    ['with something after its last frame', [...honest, Buffer.of(0)]],
    ['without its last frame', [a, b, c]],
    [
      'with a genuine frame after its last one',
      framesOf([
        [last, 'x'],
        [more, 'y'],
      ]),
    ],
    [
      'with two genuine last frames',
      framesOf([
        [last, 'x'],
        [last, 'y'],
      ]),
    ],
    ['with a frame of another head', [a, framesOf(BODY, 'another head')[1]!, c, d]],
    ['with a frame of an unknown kind', [framesOf([[3 as 0, 'x']])[0]!]],
    ['with a frame that gave up, and says something', framesOf([[failed, 'x']])],
  ])('is broken %s', (_, frames) => {
    expect(read(frames)[1]).toBe('stream-broken');
  });

  it('has failed where its sender gave up', () => {
    expect(read(framesOf([BODY[0]!, [failed, '']]))).toEqual(['first ', 'stream-failed']);
  });

  it('is as long as its head says, or broken', () => {
    expect(read(honest, { length: whole.length })).toEqual([whole, 'whole']);
    for (const length of [0, 1, whole.length - 1, whole.length + 1]) {
      expect([length, read(honest, { length })[1]]).toEqual([length, 'stream-broken']);
    }
  });

  it('makes no room for a frame that is longer than one may be, or too short for its tag', () => {
    for (const length of [0, 15, MAX_FRAME_BYTES + 17, 0xffffff]) {
      const header = Buffer.of(0, length >> 16, (length >> 8) & 0xff, length & 0xff);
      expect([length, read([header])[1]]).toEqual([length, 'stream-broken']);
    }
  });

  it('is on the wire as long as is said of it', () => {
    for (const length of [0, 1, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1]) {
      const parts: Part[] = [];
      for (let at = 0; at + MAX_FRAME_BYTES < length; at += MAX_FRAME_BYTES) {
        parts.push([more, 'x'.repeat(MAX_FRAME_BYTES)]);
      }
      parts.push([last, 'x'.repeat(length - parts.length * MAX_FRAME_BYTES)]);
      expect(Buffer.concat(framesOf(parts)).length).toBe(framesLength(length));
    }
  });
});
