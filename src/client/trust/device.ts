import { WebSigner } from '../../crypto/web-signer.js';
import type { Bytes } from '../../protocol/crypto.js';
import { encodeBase64url } from '../../protocol/base64url.js';
import { utf8 } from '../../protocol/json.js';
import { DEVICE_TYP, signingInput } from '../../protocol/jws.js';
import { signatureAlgorithm, type SigningJwk } from '../../protocol/jwk.js';
import { browserStorage, type DeviceStorage } from './device-storage.js';
import { E2eClientError } from '../errors.js';
import { readSigningKey } from './signing-key.js';

/** A long-lived signing key that proves which device a session belongs to (PROTOCOL §2). */
export interface DeviceKey {
  readonly publicKey: SigningJwk;
  /** Ed25519, or ES256 as r ‖ s: 64 bytes. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/**
 * `true`: a P-256 key that cannot be read out, in IndexedDB, shared by the tabs of an origin. Where IndexedDB is missing
 * or cannot be used, the key stays in memory. Or a key pair or a storage of one's own.
 */
export type DeviceKeyOption = boolean | DeviceKey | CryptoKeyPair | DeviceStorage;

/** The client's device key, and the session that it is bound to. */
export class Device {
  /** The session of the last handshake, by its public name. */
  session: string | undefined;

  private constructor(
    private readonly key: DeviceKey,
    private readonly remember: (session: string) => Promise<void>,
    session: string | undefined,
  ) {
    this.session = session;
  }

  get publicKey(): SigningJwk {
    return this.key.publicKey;
  }

  /** @param scope what the key belongs to: one server, as this origin sees it. */
  static async load(option: Exclude<DeviceKeyOption, false>, scope: string): Promise<Device> {
    if (typeof option === 'object' && 'sign' in option) {
      const publicKey = readSigningKey(option.publicKey);
      if (!publicKey) {
        throw new E2eClientError('invalid-option', "deviceKey's publicKey is a public JWK, Ed25519 or P-256");
      }
      return new Device({ publicKey, sign: (data) => option.sign(data) }, forget, undefined);
    }
    if (typeof option === 'object' && 'privateKey' in option) {
      return new Device(await WebSigner.of(option), forget, undefined);
    }
    const storage = option === true ? browserStorage(scope) : option;
    const { keys, session } = (await storage.get()) ?? { keys: await WebSigner.generate() };
    const device = new Device(await WebSigner.of(keys), (name) => storage.set({ keys, session: name }), session);
    // Kept before it is used: a session bound to a key that nobody has any more is lost.
    if (session === undefined) await storage.set({ keys });
    return device;
  }

  /** Remembers the session of a handshake that was accepted. */
  async bindTo(session: string): Promise<void> {
    if (session === this.session) return;
    this.session = session;
    await this.remember(session);
  }

  /** `dev`: the compact JWS over a transcript hash. */
  async prove(th: Bytes): Promise<string> {
    const input = signingInput(encodeBase64url, { alg: signatureAlgorithm(this.publicKey), typ: DEVICE_TYP }, th);
    return `${input}.${encodeBase64url(await this.key.sign(utf8(input)))}`;
  }
}

function forget(): Promise<void> {
  return Promise.resolve();
}
