import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import { REQUEST_KEY_INFO, RESPONSE_KEY_INFO, joinSecrets, SECRET_BYTES } from '../protocol/schedule.js';
import { transcriptHash, type ChannelState } from './channel-state.js';

/**
 * Both directions' keys, and the secret that they come from (PROTOCOL §3). Their bytes are in one array, because each
 * array and each KeyObject costs about 200 bytes beside its content, for every channel.
 */
export class ChannelKeys {
  readonly #engine: NodeEngine;
  readonly #bytes = new Uint8Array(3 * SECRET_BYTES);

  /**
   * @param ek RSA channels: the `ek` that contained `cs`; `undefined` if `cs` came from the channel's record.
   * @param secret RSA channels: `cs`. Other channels: what the two key pairs agree on.
   */
  constructor(
    engine: NodeEngine,
    state: ChannelState,
    readonly ek: string | undefined,
    secret: Bytes,
  ) {
    this.#engine = engine;
    this.#bytes.set(secret);
    this.#bytes.set(deriveKey(engine, state, secret, REQUEST_KEY_INFO), SECRET_BYTES);
    this.#bytes.set(deriveKey(engine, state, secret, RESPONSE_KEY_INFO), 2 * SECRET_BYTES);
  }

  get secret(): Bytes {
    return this.#part(0);
  }

  get request(): ContentKey {
    return this.#engine.importContentKey(this.#part(1));
  }

  get response(): ContentKey {
    return this.#engine.importContentKey(this.#part(2));
  }

  #part(index: number): Bytes {
    return this.#bytes.subarray(index * SECRET_BYTES, (index + 1) * SECRET_BYTES);
  }
}

/** The keys of a message with this `ek`; `undefined` if a message on this channel cannot have it. */
export function findKeys(engine: NodeEngine, state: ChannelState, ek: string | undefined): ChannelKeys | undefined {
  const isRsa = state.kind === 'RSA';
  // An `ek` on an ECDH or hybrid channel is a message for another kind of channel.
  if (ek !== undefined && !isRsa) return undefined;
  const secret = isRsa ? clientSecret(engine, state, ek) : agreedSecret(engine, state);
  return secret && new ChannelKeys(engine, state, ek, secret);
}

/** HKDF with the channel's `IKM`: on RSA and hybrid channels, `ss` comes before the other secret. */
export function deriveKey(engine: NodeEngine, state: ChannelState, secret: Bytes, info: Bytes): Bytes {
  return engine.hkdf(state.ss ? joinSecrets(state.ss, secret) : secret, transcriptHash(state), info);
}

/** What the key pairs of an ECDH or hybrid channel agree on. */
function agreedSecret(engine: NodeEngine, { clientKey, privateKey }: ChannelState): Bytes | undefined {
  return engine.agree(privateKey, engine.importPublicKey(clientKey));
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
