import type { Bytes } from '../protocol/crypto.js';
import { fromUtf8 } from '../protocol/json.js';
import { parseRequestMeta, type Meta } from '../protocol/meta.js';

const NO_META: Meta = {};

/** The two parts of a plaintext, or `undefined` if the first is not a meta object of that length. */
export function splitMeta(plaintext: Bytes, length: number | undefined): { meta: Meta; plaintext: Bytes } | undefined {
  if (length === undefined) return { meta: NO_META, plaintext };
  if (length > plaintext.length) return undefined;
  try {
    const meta = parseRequestMeta(fromUtf8(plaintext.subarray(0, length)));
    return meta && { meta, plaintext: plaintext.subarray(length) };
  } catch {
    return undefined; // not UTF-8
  }
}
