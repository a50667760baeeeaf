import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { ForgeEngine } from '../../../src/crypto/forge.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { WebEngine } from '../../../src/crypto/web.js';
import type { CryptoEngine } from '../../../src/protocol/crypto.js';
import type { KeyKind } from '../../../src/protocol/keys.js';
import { StreamEnds, wireOf, type Body, type Outcome } from './support/stream-ends.js';
import { flips, refusalOf, truncations } from './support/tamper.js';

const BODY: Body = { pieces: ['first, ', '', 'second', '!'], length: undefined };
const TEXT = BODY.pieces.join('');

let tried = 0;
const report: string[] = [];

/**
 * Reads a stream cut to every length, and with every one of its bits flipped: in its head it is refused before anything of
 * the body is read; after it, it breaks, and what was read is a prefix.
 */
async function tamper(
  what: string,
  wire: Buffer,
  headLength: number,
  read: (tampered: Buffer) => Promise<Outcome>,
  refusal: (tamperedHead: string) => string,
): Promise<void> {
  const text = wire.toString('latin1');
  const wrong: unknown[] = [];
  let count = 0;
  for (const mutations of [truncations(text), flips(text)]) {
    for (const mutation of mutations) {
      const tampered = Buffer.from(mutation.text, 'latin1');
      const [opened, end] = await read(tampered);
      const isHead = tampered.subarray(0, headLength + 1).equals(wire.subarray(0, headLength + 1));
      const expected = isHead ? 'stream-broken' : refusal(mutation.text);
      const isPrefix = isHead ? TEXT.startsWith(opened) : opened === '';
      if (end !== expected || !isPrefix) wrong.push([mutation.what, end, opened]);
      count++;
    }
  }
  expect(wrong).toEqual([]);
  expect(count).toBe(9 * wire.length);
  tried += count;
  report.push(`${what}, ${wire.length} bytes: ${count} tampered streams, none complete`);
}

/** The refusal of a changed head. A line feed inside ends the head early; without one there is no head. */
function headRefusal(kid: string): (tampered: string) => string {
  return (tampered) => {
    const end = tampered.indexOf('\n');
    return end < 0 ? 'message-rejected' : refusalOf(tampered.slice(0, end), kid);
  };
}

describe('an upload that was tampered with is never complete, whatever byte it was', () => {
  it.each<KeyKind>(['RSA', 'P-256', 'X25519'])('on a channel of kind %s: every length, and every bit', async (kind) => {
    const ends = await StreamEnds.make(new NodeEngine(), kind);
    const stream = await ends.upload(BODY);
    const wire = wireOf(stream);
    const refusal = headRefusal(ends.client.terms.kid);
    const { length } = stream.head;
    expect(await ends.readUpload(wire)).toEqual([TEXT, 'whole']);
    await tamper(`upload on ${kind}`, wire, length, (tampered) => ends.readUpload(tampered), refusal);
    expect(await ends.readUpload(wire)).toEqual([TEXT, 'whole']);
  });

  it('in pieces: whatever comes after the head was read', async () => {
    const ends = await StreamEnds.make(new NodeEngine(), 'X25519');
    const { head, frames } = await ends.upload(BODY);
    const start = Buffer.from(`${head}\n`);
    const read = (tampered: Buffer) => ends.readUpload(start, tampered);
    expect(await read(Buffer.concat(frames))).toEqual([TEXT, 'whole']);
    await tamper('frames after the head', Buffer.concat(frames), -1, read, () => 'none');
  });
});

describe('an answer in frames that was tampered with is never complete, whatever byte it was', () => {
  it.each<[KeyKind, string, () => CryptoEngine]>([
    ['RSA', 'web', () => new WebEngine()],
    ['P-256', 'web', () => new WebEngine()],
    ['X25519', 'web', () => new WebEngine()],
    ['RSA', 'forge', () => new ForgeEngine()],
    ['X25519', 'node', () => new NodeEngine()],
  ])('on a channel of kind %s, %s engine: every length, and every bit', async (kind, name, engine) => {
    const ends = await StreamEnds.make(engine(), kind);
    const asked = await ends.ask();
    const stream = await ends.answer(asked, BODY);
    const wire = wireOf(stream);
    const read = (tampered: Buffer) => ends.readAnswer(asked.seq, Uint8Array.from(tampered));
    expect(await read(wire)).toEqual([TEXT, 'whole']);
    await tamper(`answer on ${kind}, ${name} engine`, wire, stream.head.length, read, () => 'answer-rejected');
    expect(await read(wire)).toEqual([TEXT, 'whole']);
  });
});

it('says in docs/attacks.md how many streams were tried', () => {
  console.log([...report, `${tried} tampered streams in all`].join('\n'));
  const page = readFileSync(new URL('../../../docs/attacks.md', import.meta.url), 'utf8');
  expect(/([\d,]+) tampered streams/.exec(page)?.[1]).toBe(tried.toLocaleString('en'));
});
