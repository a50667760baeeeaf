import type { NodeEngine } from '../crypto/node.js';
import type { KeyPair } from '../protocol/crypto.js';
import { IV_BYTES, joinJwe } from '../protocol/jwe.js';
import { utf8 } from '../protocol/json.js';
import { splitHybridKey } from '../protocol/hybrid-key.js';
import { keyKind, type PublicJwk, type SigningJwk } from '../protocol/keys.js';
import type { Encapsulation } from '../protocol/ml-kem.js';
import { E2eProblem } from '../protocol/problem.js';
import { SECRET_BYTES, transcriptInput, type Transcript } from '../protocol/schedule.js';
import { Channel } from './channel.js';
import type { IdentityKeys } from './identity.js';
import { thumbprint } from './thumbprint.js';

/** What the server answers a handshake with (PROTOCOL §2). */
export interface HandshakeResponse {
  readonly publicKey: PublicJwk;
  readonly kid: string;
  readonly secret?: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly session: string;
  readonly device?: string;
  readonly proof?: string;
}

export interface HandshakeTerms {
  readonly clientKey: PublicJwk;
  /** The server's key pair, of the kind that matches the client's, for this channel only. */
  readonly keyPair: KeyPair;
  /** Hybrid channels: what was encapsulated to the client's key. */
  readonly encapsulation?: Encapsulation | undefined;
  /** The public name of the session. */
  readonly session: string;
  /** The device key that the session is bound to. */
  readonly device?: SigningJwk | undefined;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * The server's side of a handshake, without the session: a channel, and the response that describes it to the client.
 *
 * @throws E2eProblem `key-rejected` if the client's key leads to an all-zero secret (RFC 7748 §6.1).
 */
export function shakeHands(
  engine: NodeEngine,
  identity: IdentityKeys,
  terms: HandshakeTerms,
): { channel: Channel; answer: HandshakeResponse } {
  const { clientKey, keyPair, encapsulation, session, issuedAt, expiresAt } = terms;
  const device = terms.device && thumbprint(engine, terms.device);
  const kid = thumbprint(engine, keyPair.publicKey);
  const kind = keyKind(clientKey);
  // The ML-KEM half of a hybrid key is no longer needed: what it encapsulates is `ss`.
  const channelKey = clientKey.kty === 'AKP' ? splitHybridKey(clientKey).x25519 : clientKey;
  const ss = kind === 'RSA' ? engine.randomBytes(SECRET_BYTES) : encapsulation?.secret;
  const secret =
    kind === 'RSA'
      ? sealSecret(engine, clientKey, ss!)
      : encapsulation && engine.encodeBase64url(encapsulation.ciphertext);
  const transcript: Transcript = {
    jkt: thumbprint(engine, clientKey),
    kid,
    secret,
    issuedAt,
    expiresAt,
    session,
    device,
    identity: identity.signer?.kid,
  };
  const th = engine.sha256(transcriptInput(transcript));
  const channel = new Channel(engine, {
    kid,
    kind,
    issuedAt,
    expiresAt,
    clientKey: channelKey,
    th: engine.encodeBase64url(th),
    ss,
    privateKey: keyPair.privateKey,
    cs: undefined,
    device: terms.device,
    isDeviceProven: undefined,
  });
  if (!channel.hasSharedSecret) {
    throw new E2eProblem('key-rejected', { detail: 'the shared secret would be all zeros' });
  }
  const proof = identity.prove(th);
  return {
    channel,
    answer: {
      publicKey: keyPair.publicKey,
      kid,
      ...(secret !== undefined && { secret }),
      issuedAt,
      expiresAt,
      session,
      ...(device !== undefined && { device }),
      ...(proof !== undefined && { proof }),
    },
  };
}

/** `ss` as a plain compact JWE to the client's key (RFC 7516, `RSA-OAEP-256` with `A256GCM`). */
function sealSecret(engine: NodeEngine, clientKey: PublicJwk, ss: Uint8Array): string {
  const protectedHeader = engine.encodeBase64url(utf8(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })));
  const contentKey = engine.randomBytes(SECRET_BYTES);
  const iv = engine.randomBytes(IV_BYTES);
  const { ciphertext, tag } = engine.seal(engine.importContentKey(contentKey), iv, utf8(protectedHeader), ss);
  return joinJwe({
    protected: protectedHeader,
    encryptedKey: engine.encodeBase64url(engine.rsaEncrypt(engine.importPublicKey(clientKey), contentKey)),
    iv: engine.encodeBase64url(iv),
    ciphertext: engine.encodeBase64url(ciphertext),
    tag: engine.encodeBase64url(tag),
  });
}
