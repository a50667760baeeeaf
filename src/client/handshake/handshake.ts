import type { Bytes, CryptoEngine, PrivateKey } from '../../protocol/crypto.js';
import { isJsonObject, parseJsonObject, type JsonObject } from '../../protocol/json.js';
import {
  hasSecret,
  publicMembers,
  serverKeyKind,
  type ClassicKeyKind,
  type KeyKind,
  type PublicJwk,
} from '../../protocol/jwk.js';
import { ENC } from '../../protocol/message.js';
import { rsaKeyFlaw } from '../../protocol/rsa-key.js';
import { SECRET_BYTES, transcriptInput } from '../../protocol/schedule.js';
import { Channel } from '../channel/channel.js';
import type { Device } from '../trust/device.js';
import { decodeJwe, thumbprint } from '../channel/encoding.js';
import { failure, need, type E2eClientError } from '../errors.js';
import type * as CurvesPart from '../../protocol/curve-keys.js';
import type * as IdentityPart from '../trust/identity.js';

const SESSION_BYTES = 16;
const THUMBPRINT_BYTES = 32;

export interface HandshakeSettings {
  readonly keyKind: KeyKind;
  /** The modulus length of the client's RSA key. */
  readonly rsaModulusLength: number;
}

/** Verifies the server's proof over a transcript hash, for the pins of the options. */
export type VerifyProof = (engine: CryptoEngine, th: Bytes, proof: unknown) => Promise<void>;

/** Posts the handshake's request and returns the response's JSON, checked for duplicate member names. */
export type PostHandshake = (body: string) => Promise<JsonObject>;

/**
 * The client's side of a handshake (PROTOCOL §2): a new key pair, the server's response, and every check of it. If
 * anything fails, nothing is kept.
 *
 * @throws E2eClientError `handshake-rejected` or `identity-rejected`.
 */
export async function shakeHands(
  engine: CryptoEngine,
  { keyKind: kind, rsaModulusLength }: HandshakeSettings,
  verify: VerifyProof | undefined,
  seen: Set<string>,
  device: Device | undefined,
  post: PostHandshake,
  isExplicit: boolean,
): Promise<Channel> {
  const flawOf = loadKeyCheck(kind);
  flawOf.catch(() => undefined); // it is awaited below, unless something else fails before
  const { publicKey, privateKey } = await engine.generateKeyPair(kind, rsaModulusLength);
  const answer = await post(JSON.stringify({ publicKey, device: device?.publicKey }));
  const receivedAt = Date.now() / 1000;

  const serverKey = await readServerKey(answer.publicKey, serverKeyKind(kind), await flawOf);
  const kid = await thumbprint(engine, serverKey);
  if (kid !== answer.kid) throw await rejected('kid');
  if (seen.has(kid)) throw await rejected('seen');
  seen.add(kid);

  const { issuedAt, expiresAt, secret, session, device: bound } = answer;
  if (!isTime(issuedAt) || !isTime(expiresAt) || expiresAt <= issuedAt) throw await rejected('times');
  if (!isEncoded(engine, session, SESSION_BYTES)) throw await rejected('session');
  if (bound !== undefined && !isEncoded(engine, bound, THUMBPRINT_BYTES)) throw await rejected('device');
  if (device && bound !== (await thumbprint(engine, device.publicKey))) {
    throw await rejected('unbound');
  }
  if ((typeof secret === 'string') !== hasSecret(kind) || (secret !== undefined && typeof secret !== 'string')) {
    throw await rejected('secret');
  }

  const signer = answer.proof === undefined ? '' : await readSigner(engine, answer.proof);
  const jkt = await thumbprint(engine, publicKey);
  const th = await engine.sha256(
    transcriptInput({ jkt, kid, secret, issuedAt, expiresAt, session, device: bound, identity: signer }),
  );
  await verify?.(engine, th, answer.proof);
  if (answer.proof !== undefined && signer === '') throw await rejected('proof');
  const ss = secret === undefined ? undefined : await openSecret(engine, privateKey, secret);
  if (secret !== undefined && !ss) throw await rejected('unreadable');

  if (device) await device.bindTo(session, isExplicit);
  const channel = await Channel.derive(
    engine,
    { kid, kind, session, issuedAt, expiresAt, clockOffset: issuedAt - receivedAt },
    { th, ss, privateKey, serverKey: await engine.importPublicKey(serverKey), dev: await device?.prove(th) },
  );
  if (!channel) throw await rejected('zeros');
  return channel;
}

/** Checks a server's key by the rules of PROTOCOL §1, and returns the broken rule, if any. */
type KeyCheck = typeof rsaKeyFlaw;

/** The checks for curves are loaded while the key pair is generated and sent, because RSA is the default. */
async function loadKeyCheck(kind: KeyKind): Promise<KeyCheck> {
  if (kind === 'RSA') return rsaKeyFlaw;
  return (await need<typeof CurvesPart>('curves')).channelKeyFlaw;
}

/** The identity key that signed the proof, whether or not the caller pins one (PROTOCOL §2). */
async function readSigner(engine: CryptoEngine, proof: unknown): Promise<string> {
  const { signerOf } = await need<typeof IdentityPart>('identity');
  return signerOf(engine, proof);
}

/** The server's key, of the kind that matches the client's, and checked by the rules of PROTOCOL §1. */
async function readServerKey(jwk: unknown, kind: ClassicKeyKind, flawOf: KeyCheck): Promise<PublicJwk> {
  if (!isJsonObject(jwk)) throw await rejected('rule');
  if ((jwk.kty === 'RSA' ? 'RSA' : jwk.crv) !== kind) throw await rejected('kind');
  if (flawOf(jwk)) throw await rejected('rule');
  return publicMembers(jwk) as PublicJwk;
}

/** `ss` from what was encapsulated to the client's key, or from its compact JWE to an RSA key; `undefined` if it fails. */
async function openSecret(engine: CryptoEngine, privateKey: PrivateKey, secret: string): Promise<Bytes | undefined> {
  if (privateKey.kind !== 'RSA') {
    const ciphertext = engine.decodeBase64url(secret);
    return ciphertext && engine.decapsulate?.(privateKey, ciphertext);
  }
  const jwe = decodeJwe(engine, secret);
  const { alg, enc, ...more } = (jwe && parseJsonObject(jwe.header)) ?? {};
  // Exactly these two members: with a "typ" it could be a message of another channel.
  if (!jwe || alg !== 'RSA-OAEP-256' || enc !== ENC || Object.keys(more).length > 0) return undefined;
  const contentKey = await engine.rsaDecrypt(privateKey, jwe.encryptedKey);
  if (contentKey?.length !== SECRET_BYTES) return undefined;
  const ss = await engine.open(await engine.importContentKey(contentKey), jwe.iv, jwe.aad, jwe.ciphertext, jwe.tag);
  return ss?.length === SECRET_BYTES ? ss : undefined;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isEncoded(engine: CryptoEngine, value: unknown, length: number): value is string {
  return typeof value === 'string' && engine.decodeBase64url(value)?.length === length;
}

function rejected(
  reason:
    | 'rule'
    | 'kind'
    | 'kid'
    | 'seen'
    | 'times'
    | 'session'
    | 'device'
    | 'unbound'
    | 'proof'
    | 'secret'
    | 'unreadable'
    | 'zeros',
): Promise<E2eClientError> {
  return failure('handshake-rejected', reason);
}
