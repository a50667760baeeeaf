import type { NodeEngine } from '../crypto/node.js';
import type { Bytes } from '../protocol/crypto.js';
import { fromUtf8, parseJsonObject, utf8 } from '../protocol/json.js';
import { DEVICE_TYP, splitJws, transcriptPayload } from '../protocol/jws.js';
import { signatureAlgorithm, type SigningJwk } from '../protocol/keys.js';

/** Whether `dev` proves possession of the device key on the channel with this transcript (PROTOCOL §2). */
export function provesDevice(engine: NodeEngine, device: SigningJwk, th: Bytes, dev: string | undefined): boolean {
  const jws = dev === undefined ? undefined : splitJws(dev);
  const headerBytes = jws && engine.decodeBase64url(jws.header);
  const signature = jws && engine.decodeBase64url(jws.signature);
  if (!jws || !headerBytes || !signature) return false;
  const { alg, typ, crit } = parseJsonObject(textOf(headerBytes)) ?? {};
  if (alg !== signatureAlgorithm(device) || typ !== DEVICE_TYP || crit !== undefined) return false;
  if (jws.payload !== transcriptPayload((bytes) => engine.encodeBase64url(bytes), th)) return false;
  return engine.verify(device, utf8(`${jws.header}.${jws.payload}`), signature);
}

function textOf(bytes: Bytes): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return ''; // not UTF-8, so not JSON either
  }
}
