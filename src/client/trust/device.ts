import { WebSigner } from '../../crypto/web-signer.js';
import type { Bytes } from '../../protocol/crypto.js';
import { encodeBase64url } from '../../protocol/base64url.js';
import { utf8 } from '../../protocol/json.js';
import { DEVICE_TYP, signingInput } from '../../protocol/jws.js';
import { signatureAlgorithm, type SigningJwk } from '../../protocol/jwk.js';
import { browserStorage, type DeviceStorage } from './device-storage.js';
import { E2eClientError, failure } from '../errors.js';
import { readSigningKey } from './signing-key.js';

/** A long-lived signing key that proves which device a session belongs to (PROTOCOL §2). */
export interface DeviceKey {
  readonly publicKey: SigningJwk;
  /** Ed25519, or ES256 as r ‖ s: 64 bytes. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/**
 * `true`: a P-256 key that cannot be exported, in IndexedDB, shared by the tabs of an origin. Without IndexedDB the key is
 * kept in memory. Or your own key pair or storage.
 */
export type DeviceKeyOption = boolean | DeviceKey | CryptoKeyPair | DeviceStorage;

/** The client's device key, and the session that it is bound to. */
export class Device {
  /** The session of the last handshake, by its public name. */
  session: string | undefined;
  #hasChanged = false;

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

  /** @param scope the server that the key belongs to, as seen from this origin. */
  static async load(option: Exclude<DeviceKeyOption, false>, scope: string): Promise<Device> {
    if (typeof option === 'object' && 'sign' in option) {
      const publicKey = readSigningKey(option.publicKey);
      if (!publicKey) {
        throw new E2eClientError('invalid-option', "deviceKey's publicKey must be a public JWK, Ed25519 or P-256");
      }
      return new Device(
        { publicKey: ofOneServer(publicKey, scope), sign: (data) => option.sign(data) },
        forget,
        undefined,
      );
    }
    if (typeof option === 'object' && 'privateKey' in option) {
      const signer = await WebSigner.of(option);
      ofOneServer(signer.publicKey, scope);
      return new Device(signer, forget, undefined);
    }
    const storage = option === true ? browserStorage(scope) : option;
    const { origin } = new URL(scope);
    const { keys, session, server = origin } = (await storage.get()) ?? { keys: await WebSigner.generate() };
    if (server !== origin) throw usedElsewhere();
    const signer = await WebSigner.of(keys);
    ofOneServer(signer.publicKey, scope);
    const device = new Device(signer, (name) => storage.set({ keys, session: name, server }), session);
    // Stored before it is used: a session that is bound to a lost key is lost.
    if (session === undefined) await storage.set({ keys, server });
    return device;
  }

  /**
   * Remembers the session of a handshake. If it is not the previous one, nothing is sealed on its channel, and every
   * later call fails in the same way, until the caller makes an explicit handshake (PROTOCOL §2).
   *
   * @param isExplicit whether the caller made this handshake.
   * @throws E2eClientError `session-changed`.
   */
  async bindTo(session: string, isExplicit: boolean): Promise<void> {
    this.#hasChanged = !isExplicit && this.session !== undefined && session !== this.session;
    await this.refuseChanged();
    if (session === this.session) return;
    this.session = session;
    await this.remember(session);
  }

  /** @throws E2eClientError `session-changed` if the session has changed, and the caller has not accepted it. */
  async refuseChanged(): Promise<void> {
    if (this.#hasChanged) throw await failure('session-changed', 'changed');
  }

  /** The caller accepts any session that the next handshake leads to. */
  acceptChange(): void {
    this.#hasChanged = false;
  }

  /** `dev`: the compact JWS over a transcript hash. */
  async prove(th: Bytes): Promise<string> {
    const input = signingInput(encodeBase64url, { alg: signatureAlgorithm(this.publicKey), typ: DEVICE_TYP }, th);
    return `${input}.${encodeBase64url(await this.key.sign(utf8(input)))}`;
  }
}

/** The server that each device key of this process belongs to, by the key's own coordinate. */
const servers = new Map<string, string>();

/**
 * The key, which no other server has seen: if two servers know a key, each can open a channel at the other (PROTOCOL
 * §2).
 *
 * @throws E2eClientError `invalid-option`.
 */
function ofOneServer(key: SigningJwk, scope: string): SigningJwk {
  const { origin } = new URL(scope);
  if ((servers.get(key.x) ?? origin) !== origin) throw usedElsewhere();
  servers.set(key.x, origin);
  return key;
}

function usedElsewhere(): E2eClientError {
  return new E2eClientError(
    'invalid-option',
    'deviceKey is in use at another server: give each server (origin) a key, and a storage, of its own',
  );
}

function forget(): Promise<void> {
  return Promise.resolve();
}
