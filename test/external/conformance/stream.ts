/** A body in frames, from the text of PROTOCOL §6 alone. */
import assert from 'node:assert/strict';
import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';

export interface Frame {
  readonly kind: number;
  readonly plaintext: Buffer;
}

/** What stands before the first line feed, and what follows it. */
export function splitStream(bytes: Buffer): { head: string; rest: Buffer } {
  const end = bytes.indexOf('\n');
  assert.ok(end > 0 && end <= 32_768, 'a head of at most 32,768 bytes, and a line feed');
  return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 1) };
}

/** Opens the frames after this head;. */
export function openFrames(base: Uint8Array, head: string, bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const salt = createHash('sha256').update(head).digest();
  const key = Buffer.from(hkdfSync('sha256', base, salt, 'e2e/1 frames', 32));
  const frames: Frame[] = [];
  let rest = bytes;
  while (rest.length >= 4) {
    const length = rest.readUIntBE(1, 3);
    assert.ok(length >= 16 && length <= 65_552, `a frame of ${length} bytes`);
    if (rest.length < 4 + length) break;
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(frames.length, 8);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce)
      .setAAD(rest.subarray(0, 4))
      .setAuthTag(rest.subarray(4 + length - 16, 4 + length));
    const plaintext = Buffer.concat([decipher.update(rest.subarray(4, 4 + length - 16)), decipher.final()]);
    frames.push({ kind: rest[0]!, plaintext });
    rest = rest.subarray(4 + length);
  }
  return { frames, rest };
}

/** The body of a stream that must be whole. */
export function wholeBody({ frames, rest }: { frames: readonly Frame[]; rest: Buffer }): Buffer {
  assert.equal(rest.length, 0, 'whole frames');
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    frames.map((_, index) => (index === frames.length - 1 ? 1 : 0)),
    'one last frame, at the end',
  );
  assert.ok(frames.length > 0, 'a last frame');
  return Buffer.concat(frames.map(({ plaintext }) => plaintext));
}
