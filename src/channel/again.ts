import type { NodeEngine } from '../crypto/node.js';
import type { Bytes } from '../protocol/crypto.js';
import { AGAIN_TAG_BYTES } from '../protocol/schedule.js';

/** Whether a tag was made with this `a_req` (PROTOCOL §4, `again`). */
export function isAgainTag(engine: NodeEngine, key: Bytes, input: Bytes, tag: string): boolean {
  const given = engine.decodeBase64url(tag);
  return given !== undefined && engine.timingSafeEqual(engine.hmac(key, input).subarray(0, AGAIN_TAG_BYTES), given);
}
