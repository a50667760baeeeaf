/**
 * The cryptography of `e2e/1`, written a second time from the protocol's text alone, on node:crypto and nothing else:
 * it shares no line with the sources, so that the two can only agree by both being right. (ML-KEM-768, which Node 20 does
 * not have, is @noble/post-quantum's in both; the vectors and Wycheproof's files hold it to FIPS 203.)
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPair,
  hkdfSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

export const HYBRID = 'MLKEM768-X25519';
export type KeyKind = 'RSA' | 'P-256' | 'X25519' | typeof HYBRID;
export const KINDS: readonly KeyKind[] = ['RSA', 'P-256', 'X25519', HYBRID];

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Members = Record<string, unknown>;
export type Jwk = Record<string, string>;

/** The handshake's answer, PROTOCOL §2. */
export interface HandshakeResponse {
  publicKey: Jwk;
  kid: string;
  secret?: string;
  issuedAt: number;
  expiresAt: number;
  session: string;
  device?: string;
  proof?: string;
}

export const b64u = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString('base64url');

/** Canonical base64url only: what does not encode back to the same text is refused. */
export function unb64u(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (b64u(bytes) !== text) throw new Error('not canonical base64url');
  return bytes;
}

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest();

export const kindOf = (jwk: Jwk): KeyKind =>
  jwk.kty === 'RSA' ? 'RSA' : ((jwk.kty === 'AKP' ? jwk.alg : jwk.crv) as KeyKind);

/** PROTOCOL §1: the kind of the server's key. */
export const answerKind = (kind: KeyKind): KeyKind => (kind === HYBRID ? 'X25519' : kind);

/** RFC 7638: the required members in lexicographic order, no spaces, SHA-256. */
export function thumbprint(jwk: Jwk): string {
  const required = {
    RSA: ['e', 'kty', 'n'],
    EC: ['crv', 'kty', 'x', 'y'],
    OKP: ['crv', 'kty', 'x'],
    AKP: ['alg', 'kty', 'pub'],
  }[jwk.kty ?? ''];
  if (!required) throw new Error('unknown kty');
  return b64u(sha256(JSON.stringify(Object.fromEntries(required.map((name) => [name, jwk[name]])))));
}

export interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
  jwk: Jwk;
  /** Hybrid pairs, whose other two keys are the X25519 half: ML-KEM-768 decapsulation. */
  decapsulate?: (ciphertext: Uint8Array) => Uint8Array;
}

const generate = promisify(generateKeyPair) as unknown as (type: string, options: object) => Promise<KeyPair>;

export async function keyPair(kind: KeyKind, modulusLength = 2048): Promise<KeyPair> {
  if (kind === HYBRID) return hybridPair(await keyPair('X25519'));
  const { publicKey, privateKey } =
    kind === 'RSA'
      ? await generate('rsa', { modulusLength })
      : kind === 'P-256'
        ? await generate('ec', { namedCurve: 'P-256' })
        : await generate('x25519', {});
  return { publicKey, privateKey, jwk: publicKey.export({ format: 'jwk' }) as Jwk };
}

function hybridPair(x25519: KeyPair): KeyPair {
  const { publicKey, secretKey } = ml_kem768.keygen();
  const pub = b64u(Buffer.concat([publicKey, unb64u(x25519.jwk.x ?? '')]));
  return {
    ...x25519,
    jwk: { kty: 'AKP', alg: HYBRID, pub },
    decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey),
  };
}

/** The pair of a hybrid JWK with `priv`: the decapsulation key, then the X25519 key of 32 bytes. */
export function hybridPairOf({ pub = '', priv = '' }: Jwk): Required<Pick<KeyPair, 'privateKey' | 'decapsulate'>> {
  const [from, own] = [unb64u(pub), unb64u(priv)];
  const x25519 = { kty: 'OKP', crv: 'X25519', x: b64u(from.subarray(-32)), d: b64u(own.subarray(-32)) };
  return {
    privateKey: privateKeyOf(x25519),
    decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, own.subarray(0, -32)),
  };
}

export const publicKeyOf = (jwk: Jwk): KeyObject => createPublicKey({ key: jwk, format: 'jwk' });
export const privateKeyOf = (jwk: Jwk): KeyObject => createPrivateKey({ key: jwk, format: 'jwk' });

const oaep = (key: KeyObject): { key: KeyObject; padding: number; oaepHash: string } => ({
  key,
  padding: constants.RSA_PKCS1_OAEP_PADDING,
  oaepHash: 'sha256',
});
export const rsaEncrypt = (key: KeyObject, data: Uint8Array): Buffer => publicEncrypt(oaep(key), data);
export const rsaDecrypt = (key: KeyObject, data: Uint8Array): Buffer => privateDecrypt(oaep(key), data);

/** PROTOCOL §2: the `kid` that a proof's header names; of an answer without one, nothing. */
function signer(proof: string | undefined): string {
  if (proof === undefined) return '';
  return (JSON.parse(unb64u(proof.split('.')[0]!).toString('utf8')) as { kid: string }).kid;
}

/** PROTOCOL §2, the nine lines. */
export function transcriptHash(jkt: string, answer: HandshakeResponse): Buffer {
  return sha256(
    [
      'e2e/1',
      jkt,
      answer.kid,
      answer.secret ?? '',
      String(answer.issuedAt),
      String(answer.expiresAt),
      answer.session,
      answer.device ?? '',
      signer(answer.proof),
    ].join('\n'),
  );
}

/** PROTOCOL §3. */
export function channelKeys(
  ikm: Uint8Array,
  th: Uint8Array,
  againFrom = ikm,
): { request: Buffer; response: Buffer; requestFrames: Buffer; responseFrames: Buffer; again: Buffer } {
  const key = (info: string, from = ikm): Buffer => Buffer.from(hkdfSync('sha256', from, th, info, 32));
  return {
    request: key('e2e/1 request'),
    response: key('e2e/1 response'),
    requestFrames: key('e2e/1 request frames'),
    responseFrames: key('e2e/1 response frames'),
    again: key('e2e/1 again', againFrom),
  };
}

export const sharedSecret = (privateKey: KeyObject, publicKey: KeyObject): Buffer =>
  diffieHellman({ privateKey, publicKey });

/** A compact JWE of these very parts; the header is taken as text, so that a test says its every byte. */
export function sealText(
  contentKey: Uint8Array,
  headerText: string,
  plaintext: Uint8Array | string,
  { iv = randomBytes(12), encryptedKey = '' }: { iv?: Uint8Array; encryptedKey?: string } = {},
): string {
  const header = b64u(headerText);
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([cipher.update(Buffer.from(plaintext as Uint8Array)), cipher.final()]);
  return [header, encryptedKey, b64u(iv), b64u(ciphertext), b64u(cipher.getAuthTag())].join('.');
}

export interface Opened {
  header: Members;
  encryptedKey: string;
  iv: string;
  plaintext: Buffer;
}

/** Splits, checks and decrypts a compact JWE. The content key depends on what the header and the key part say. */
export function openCompact(jwe: string, contentKey: (header: Members, encryptedKey: Buffer) => Uint8Array): Opened {
  const parts = jwe.split('.');
  if (parts.length !== 5) throw new Error('a compact JWE has five parts');
  const [header64, encryptedKey, iv64, ciphertext64, tag64] = parts as [string, string, string, string, string];
  const header = JSON.parse(unb64u(header64).toString('utf8')) as Members;
  if (header.enc !== 'A256GCM' || 'zip' in header || 'crit' in header) throw new Error('not a header of e2e/1');
  const [iv, tag] = [unb64u(iv64), unb64u(tag64)];
  if (iv.length !== 12 || tag.length !== 16) throw new Error('an IV has 12 bytes and a tag 16');
  const key = contentKey(header, unb64u(encryptedKey));
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header64));
  decipher.setAuthTag(tag);
  const plaintext = Buffer.concat([decipher.update(unb64u(ciphertext64)), decipher.final()]);
  return { header, encryptedKey, iv: iv64, plaintext };
}

/** The content key of the plain way: RSA-OAEP-256 to this private key. */
export const plainWay =
  (privateKey: KeyObject) =>
  (header: Members, encryptedKey: Buffer): Uint8Array => {
    if (header.alg !== 'RSA-OAEP-256') throw new Error('not the plain way');
    return rsaDecrypt(privateKey, encryptedKey);
  };

/** The content key of `dir`. */
export const directWay =
  (key: Uint8Array) =>
  (header: Members, encryptedKey: Buffer): Uint8Array => {
    if (header.alg !== 'dir' || encryptedKey.length !== 0) throw new Error('not dir');
    return key;
  };

/** PROTOCOL §2: verifies a proof with an identity key and gives its header; throws where anything is off. */
export function verifyProof(proof: string, th: Uint8Array, identity: Jwk): Members {
  const [header64 = '', payload = '', signature = '', ...rest] = proof.split('.');
  if (rest.length) throw new Error('a compact JWS has three parts');
  const header = JSON.parse(unb64u(header64).toString('utf8')) as Members;
  const alg = identity.crv === 'Ed25519' ? 'Ed25519' : 'ES256';
  if (header.alg !== alg) throw new Error(`alg is ${String(header.alg)}, not ${alg}`);
  if (header.typ !== 'e2e-handshake+jws') throw new Error('wrong typ');
  if (header.kid !== thumbprint(identity)) throw new Error('wrong kid');
  if (unb64u(payload).toString('utf8') !== b64u(th)) throw new Error('a proof of another transcript');
  const signed = Buffer.from(`${header64}.${payload}`);
  const key = publicKeyOf(identity);
  const good =
    alg === 'Ed25519'
      ? verify(null, signed, key, unb64u(signature))
      : verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, unb64u(signature));
  if (!good) throw new Error('the signature does not verify');
  return header;
}
