import { utf8 } from './json.js';

/**
 * The compact JWS (RFC 7515 §7.1) by which either end signs a transcript: the server's identity key in the handshake's
 * response, a client's device key in its first messages. The payload is the string `b64u(th)`.
 */
export const PROOF_TYP = 'e2e-handshake+jws';
export const DEVICE_TYP = 'e2e-device+jws';

export interface CompactJws {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
}

type Encode = (bytes: Uint8Array) => string;

/** What is signed: the header and the payload, encoded and joined by a dot. */
export function signingInput(encode: Encode, header: object, th: Uint8Array): string {
  return `${encode(utf8(JSON.stringify(header)))}.${transcriptPayload(encode, th)}`;
}

/** The payload part of a signed transcript. */
export function transcriptPayload(encode: Encode, th: Uint8Array): string {
  return encode(utf8(encode(th)));
}

/** The three parts of a compact JWS, unchanged, or `undefined` if there are not three. */
export function splitJws(jws: string): CompactJws | undefined {
  const [header, payload, signature, ...more] = jws.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return undefined;
  return { header, payload, signature };
}
