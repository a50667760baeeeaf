import type { Bytes, CryptoEngine, PrivateKey } from '../protocol/crypto.js';
import { isJsonObject, parseJsonObject, type JsonObject } from '../protocol/json.js';
import { keyKind, parsePublicKey, type PublicJwk } from '../protocol/keys.js';
import { ENC } from '../protocol/message.js';
import { SECRET_BYTES, transcriptInput } from '../protocol/schedule.js';
import { Channel } from './channel.js';
import type { Device } from './device.js';
import { decodeJwe, thumbprint } from './encoding.js';
import { E2eClientError } from './errors.js';
import type { PinnedIdentity } from './identity.js';
import type { Settings } from './options.js';

const SESSION_BYTES = 16;
const THUMBPRINT_BYTES = 32;

/** Posts the handshake's request and gives the answer's JSON, which names no member twice. */
export type PostHandshake = (body: string) => Promise<JsonObject>;

/**
 * The client's side of a handshake (PROTOCOL §2): a new key pair, the server's answer, and every check of it. Whatever
 * fails, nothing is kept.
 *
 * @throws E2eClientError `handshake-rejected` or `identity-rejected`.
 */
export async function shakeHands(
  engine: CryptoEngine,
  settings: Pick<Settings, 'keyKind' | 'rsaModulusLength'>,
  identity: PinnedIdentity,
  seen: Set<string>,
  device: Device | undefined,
  post: PostHandshake,
): Promise<Channel> {
  const { publicKey, privateKey } = await engine.generateKeyPair(settings.keyKind, settings.rsaModulusLength);
  const answer = await post(JSON.stringify({ publicKey, device: device?.publicKey }));
  const receivedAt = Date.now() / 1000;

  const serverKey = readServerKey(answer.publicKey);
  if (keyKind(serverKey) !== settings.keyKind) throw rejected("the server's key is of another kind");
  const kid = await thumbprint(engine, serverKey);
  if (kid !== answer.kid) throw rejected('"kid" is not the thumbprint of the key');
  if (seen.has(kid)) throw rejected("the server's key was used before");
  seen.add(kid);

  const { issuedAt, expiresAt, secret, session, device: bound } = answer;
  if (!isTime(issuedAt) || !isTime(expiresAt) || expiresAt <= issuedAt) throw rejected('the times make no sense');
  if (!isEncoded(engine, session, SESSION_BYTES)) throw rejected('"session" is not 16 bytes in base64url');
  if (bound !== undefined && !isEncoded(engine, bound, THUMBPRINT_BYTES)) throw rejected('"device" is no thumbprint');
  if (device && bound !== (await thumbprint(engine, device.publicKey))) {
    throw rejected('the session is not bound to this device key (has the server deviceBinding: "required"?)');
  }
  if (
    (typeof secret === 'string') !== (settings.keyKind === 'RSA') ||
    (secret !== undefined && typeof secret !== 'string')
  ) {
    throw rejected('"secret" belongs to RSA channels, and only there');
  }

  const jkt = await thumbprint(engine, publicKey);
  const th = await engine.sha256(transcriptInput({ jkt, kid, secret, issuedAt, expiresAt, session, device: bound }));
  await identity.verify(engine, th, answer.proof);
  const ss = secret === undefined ? undefined : await openSecret(engine, privateKey, secret);
  if (secret !== undefined && !ss) throw rejected('"secret" does not open');

  const channel = await Channel.derive(
    engine,
    { kid, kind: settings.keyKind, session, issuedAt, expiresAt, clockOffset: issuedAt - receivedAt },
    { th, ss, privateKey, serverKey: await engine.importPublicKey(serverKey), dev: await device?.prove(th) },
  );
  if (!channel) throw rejected('the shared secret would be all zeros');
  if (device) await device.bindTo(session);
  return channel;
}

function readServerKey(value: unknown): PublicJwk {
  try {
    if (isJsonObject(value)) return parsePublicKey(value);
  } catch {
    // An E2eProblem, which is the server's word for it; here the server is the one at fault.
  }
  throw rejected("the server's key breaks a rule of PROTOCOL §1");
}

/** `ss` from its compact JWE to the client's key, or `undefined`. */
async function openSecret(engine: CryptoEngine, privateKey: PrivateKey, secret: string): Promise<Bytes | undefined> {
  const jwe = decodeJwe(engine, secret);
  const { alg, enc, crit, zip } = (jwe && parseJsonObject(jwe.header)) ?? {};
  if (!jwe || alg !== 'RSA-OAEP-256' || enc !== ENC || crit !== undefined || zip !== undefined) return undefined;
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

function rejected(reason: string): E2eClientError {
  return new E2eClientError('handshake-rejected', `The server's answer to the handshake was refused: ${reason}.`);
}
