import type { Bytes } from '../../protocol/crypto.js';
import { fromUtf8 } from '../../protocol/json.js';
import type { Frames, ResponseHeader } from '../../protocol/message.js';
import { parseResponseMeta, type Meta } from '../../protocol/meta.js';

/**
 * A body is only in a message without frames, and has a media type. What follows a message must match its media type.
 */
export function hasRightBody({ cty, frames }: ResponseHeader, body: Bytes, expected: Frames | undefined): boolean {
  return frames === expected && (body.length === 0 || (frames === undefined && cty !== undefined));
}

/** The two parts of a plaintext, or `undefined` if the first is not a meta object of that length. */
export function splitMeta(plaintext: Bytes, length = 0): { meta: Meta; plaintext: Bytes } | undefined {
  if (length > plaintext.length) return undefined;
  try {
    const meta = length === 0 ? {} : parseResponseMeta(fromUtf8(plaintext.subarray(0, length)));
    return meta && { meta, plaintext: plaintext.subarray(length) };
  } catch {
    return undefined; // not UTF-8
  }
}

/** Both parts of a plaintext. */
export function join(meta: Bytes, body: Bytes): Bytes {
  if (meta.length === 0) return body;
  const whole = new Uint8Array(meta.length + body.length);
  whole.set(meta);
  whole.set(body, meta.length);
  return whole;
}
