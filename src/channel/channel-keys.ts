import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import { REQUEST_KEY_INFO, RESPONSE_KEY_INFO, joinSecrets, SECRET_BYTES } from '../protocol/schedule.js';
import type { ChannelState } from './channel-state.js';

/** Both directions' keys, and what they come from (PROTOCOL §3). */
export interface ChannelKeys {
  /** RSA channels: the `ek` that contained `cs`; `undefined` if `cs` came from the channel's record. */
  readonly ek: string | undefined;
  readonly cs: Bytes | undefined;
  readonly ikm: Bytes;
  readonly request: ContentKey;
  readonly response: ContentKey;
}

/** The keys of a message with this `ek`; `undefined` if a message on this channel cannot have it. */
export function deriveKeys(engine: NodeEngine, state: ChannelState, ek: string | undefined): ChannelKeys | undefined {
  const cs = state.kind === 'RSA' ? clientSecret(engine, state, ek) : undefined;
  // An `ek` on an ECDH or hybrid channel is a message for another kind of channel.
  if ((cs === undefined) === (state.kind === 'RSA') || (ek !== undefined && !cs)) return undefined;
  const ikm = keyMaterial(engine, state, cs);
  if (!ikm) return undefined;
  return {
    ek,
    cs,
    ikm,
    request: engine.importContentKey(engine.hkdf(ikm, state.th, REQUEST_KEY_INFO)),
    response: engine.importContentKey(engine.hkdf(ikm, state.th, RESPONSE_KEY_INFO)),
  };
}

/** `IKM`. */
export function keyMaterial(engine: NodeEngine, state: ChannelState, cs: Bytes | undefined): Bytes | undefined {
  const { ss, clientKey, privateKey } = state;
  const other = cs ?? engine.agree(privateKey, engine.importPublicKey(clientKey));
  return other && ss ? joinSecrets(ss, other) : other;
}

/** `cs`: from the message, or from the channel's record if it is stored there. */
function clientSecret(engine: NodeEngine, { privateKey, cs }: ChannelState, ek: string | undefined): Bytes | undefined {
  if (ek === undefined) return cs;
  const encrypted = engine.decodeBase64url(ek);
  return encrypted && decryptSecret(engine, privateKey, encrypted);
}

/** The 32 bytes under the server's RSA key, or random bytes, so that a wrong key is noticed only by its tag. */
export function decryptSecret(engine: NodeEngine, privateKey: ChannelState['privateKey'], encrypted: Bytes): Bytes {
  const random = engine.randomBytes(SECRET_BYTES);
  const decrypted = engine.rsaDecrypt(privateKey, encrypted);
  return decrypted?.length === SECRET_BYTES ? decrypted : random;
}
