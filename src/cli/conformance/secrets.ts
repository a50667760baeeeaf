import { FrameSealer, streamKey } from '../../channel/frames.js';
import { thumbprint } from '../../channel/thumbprint.js';
import { nodeEngine as engine } from '../../crypto/node.js';
import type { Bytes } from '../../protocol/crypto.js';
import type { FrameKind } from '../../protocol/frames.js';
import { IV_BYTES, splitJwe } from '../../protocol/jwe.js';
import { PROOF_TYP } from '../../protocol/jws.js';
import { signatureAlgorithm, type PublicJwk, type SignatureAlgorithm, type SigningJwk } from '../../protocol/jwk.js';
import {
  AGAIN_KEY_INFO,
  REQUEST_FRAMES_INFO,
  REQUEST_KEY_INFO,
  RESPONSE_FRAMES_INFO,
  RESPONSE_KEY_INFO,
} from '../../protocol/schedule.js';

/**
 * What the runner seals and opens with. The package's own ends hide their keys and refuse to make what breaks a rule; the
 * runner must make exactly that.
 */
export type Json = Record<string, unknown>;

export const b64u = (data: string | Bytes): string => Buffer.from(data as Bytes).toString('base64url');
export const unb64u = (text: string): Buffer => Buffer.from(text, 'base64url');
export const random = (length: number): Bytes => engine.randomBytes(length);
export const sha256 = (data: string | Bytes): Bytes => engine.sha256(Buffer.from(data as Bytes));
export const thumbprintOf = (jwk: PublicJwk | SigningJwk): string => thumbprint(engine, jwk);

/** The keys of a channel (PROTOCOL §3), as bytes. */
export interface ChannelKeys {
  readonly request: Bytes;
  readonly response: Bytes;
  readonly requestFrames: Bytes;
  readonly responseFrames: Bytes;
  readonly again: Bytes;
}

/** @param againFrom what the key of `again` is made from: on RSA channels `ss` alone. */
export function deriveKeys(ikm: Bytes, th: Bytes, againFrom = ikm): ChannelKeys {
  return {
    request: engine.hkdf(ikm, th, REQUEST_KEY_INFO),
    response: engine.hkdf(ikm, th, RESPONSE_KEY_INFO),
    requestFrames: engine.hkdf(ikm, th, REQUEST_FRAMES_INFO),
    responseFrames: engine.hkdf(ikm, th, RESPONSE_FRAMES_INFO),
    again: engine.hkdf(againFrom, th, AGAIN_KEY_INFO),
  };
}

/** A compact JWE whose header is taken as it is, text or bytes; of an object, its JSON. */
export function sealJwe(
  key: Bytes,
  header: string | Bytes | Json,
  plaintext: string | Bytes,
  encryptedKey: Bytes = Buffer.alloc(0),
): string {
  const isText = typeof header === 'string' || header instanceof Uint8Array;
  const protectedHeader = b64u(isText ? header : JSON.stringify(header));
  const iv = engine.randomBytes(IV_BYTES);
  const { ciphertext, tag } = engine.seal(
    engine.importContentKey(key),
    iv,
    Buffer.from(protectedHeader),
    Buffer.from(plaintext as Bytes),
  );
  return [protectedHeader, b64u(encryptedKey), b64u(iv), b64u(ciphertext), b64u(tag)].join('.');
}

/** The plaintext of a compact JWE; `undefined` if it is malformed or does not open. */
export function openJwe(key: Bytes, jwe: string): Bytes | undefined {
  const parts = splitJwe(jwe);
  const [iv, ciphertext, tag] = [parts?.iv, parts?.ciphertext, parts?.tag].map((part) =>
    engine.decodeBase64url(part ?? '!'),
  );
  if (!parts || !iv || !ciphertext || !tag) return undefined;
  return engine.open(engine.importContentKey(key), iv, Buffer.from(parts.protected), ciphertext, tag);
}

/** A frame as a case writes it down. */
export type Frame = readonly [kind: FrameKind, plaintext: string | Bytes];

/** The frames after this head, each by itself. */
export function sealFrames(base: Bytes, head: string, frames: readonly Frame[]): Buffer[] {
  const sealer = new FrameSealer(engine, streamKey(engine, base, head));
  return frames.map(([kind, plaintext]) => sealer.seal(kind, Buffer.from(plaintext as Bytes)));
}

/** A server's long-term key, with what signs by it. */
export interface Identity {
  readonly jwk: SigningJwk;
  readonly sign: (data: Bytes) => Bytes;
}

export function makeIdentity(alg: SignatureAlgorithm): Identity {
  const { signingKey, publicKey } = engine.importSigningKey(engine.generateIdentityKey(alg).pem);
  return { jwk: publicKey, sign: (data) => engine.sign(signingKey, data) };
}

/** A proof over `th` (PROTOCOL §2), with a header or a payload that may be another one. */
export function proofOf({ jwk, sign }: Identity, th: Bytes, header: Json = {}, payload = b64u(b64u(th))): string {
  const members = { alg: signatureAlgorithm(jwk), typ: PROOF_TYP, kid: thumbprintOf(jwk), ...header };
  const signed = `${b64u(JSON.stringify(members))}.${payload}`;
  return `${signed}.${b64u(sign(Buffer.from(signed)))}`;
}

/** A secret (PROTOCOL §2) to an RSA key, with anything in it. */
export function sealSecret(clientKey: PublicJwk, ss: Bytes, header: Json = {}): string {
  const key = random(32);
  const encrypted = engine.rsaEncrypt(engine.importPublicKey(clientKey), key);
  return sealJwe(key, { alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header }, ss, encrypted);
}
