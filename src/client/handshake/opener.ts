import { UnsupportedByEngine, type CryptoEngine } from '../../protocol/crypto.js';
import type { KeyKind } from '../../protocol/key-kind.js';
import { parseJsonObject, type JsonObject } from '../../protocol/json.js';
import type { Channel } from '../channel/channel.js';
import type { Device } from '../trust/device.js';
import { loadEngine } from './engine.js';
import { E2eClientError, failure, need } from '../errors.js';
import { shakeHands, type VerifyProof } from './handshake.js';
import type { PinnedIdentity } from '../trust/identity.js';
import type { Settings } from '../options.js';
import type { Wire } from '../call/wire.js';
import { ask, type PlainRequest } from './ask.js';
import type * as DevicePart from '../trust/device.js';
import type * as IdentityPart from '../trust/identity.js';

/** RFC 7517 §8.5.2: the media types of a list of identity keys. */
const JWK_SET_MEDIA_TYPE = 'application/jwk-set+json';

/** Opens channels, with the engine, the pinned identity and the device key. */
export class Opener {
  readonly #settings: Settings;
  readonly #wire: Wire;
  /** The server's keys that were seen: none may come twice. */
  readonly #seen: Set<string>;
  readonly #engines = new Map<KeyKind, Promise<CryptoEngine>>();
  #identity: PinnedIdentity | undefined;
  #device: Promise<Device> | undefined;

  constructor(settings: Settings, wire: Wire, seen: Set<string>) {
    this.#settings = settings;
    this.#wire = wire;
    this.#seen = seen;
  }

  /**
   * A channel of the first listed kind that this runtime and the server support. Each handshake begins with the first
   * kind, so a forged refusal affects only one channel.
   *
   * @param isExplicit whether the caller asked for a handshake (PROTOCOL §2, `session-changed`).
   */
  async open(signal: AbortSignal, isExplicit: boolean): Promise<Channel> {
    const kinds = [...this.#settings.keyKinds];
    for (let kind = kinds.shift()!; ; kind = kinds.shift()!) {
      try {
        return await this.#open(kind, signal, isExplicit);
      } catch (error) {
        if (kinds.length === 0 || !isRefusalOfKind(error)) throw error;
      }
    }
  }

  async #open(keyKind: KeyKind, signal: AbortSignal, isExplicit: boolean): Promise<Channel> {
    const { rsaModulusLength } = this.#settings;
    const post = (body: string) => this.#ask('handshake', { method: 'POST', body, signal }, 201);
    try {
      const engine = await this.#engineFor(keyKind);
      const [verify, device] = [await this.#loadVerifier(signal), await this.#loadDevice()];
      if (isExplicit) device?.acceptChange();
      await device?.refuseChanged();
      const settings = { keyKind, rsaModulusLength };
      return await shakeHands(engine, settings, verify, this.#seen, device, post, isExplicit);
    } catch (error) {
      if (!(error instanceof UnsupportedByEngine)) throw error;
      throw await failure('engine-unsupported', 'unsupported', { reason: error.message });
    }
  }

  /** One engine for each kind, so that forge is loaded, and ML-KEM searched for, only once. */
  #engineFor(kind: KeyKind): Promise<CryptoEngine> {
    const known = this.#engines.get(kind);
    if (known) return known;
    const engine = loadEngine(this.#settings, kind);
    this.#engines.set(kind, engine);
    // A file that could not be loaded may be available next time.
    engine.catch(() => this.#engines.delete(kind));
    return engine;
  }

  /** The JSON object in the response to a plain request with that status. */
  async #ask(
    name: string,
    plain: Omit<PlainRequest, 'credentials'>,
    status: number,
    ...types: string[]
  ): Promise<JsonObject> {
    const { at, credentials } = this.#settings;
    const [url, request] = [at(name), { ...plain, credentials }];
    const answer = parseJsonObject(await ask(this.#wire, url, request, status, ...types));
    if (!answer) throw await failure('handshake-rejected', 'json', { url, method: request.method });
    return answer;
  }

  // Both are imported on demand, so that not every page loads them.

  async #loadVerifier(signal: AbortSignal): Promise<VerifyProof | undefined> {
    const { identityKeys } = this.#settings;
    if (!identityKeys) return undefined;
    const { PinnedIdentity } = await need<typeof IdentityPart>('identity');
    const identity = (this.#identity ??= new PinnedIdentity(identityKeys, (listing) =>
      this.#ask('identity', { method: 'GET', signal: listing }, 200, JWK_SET_MEDIA_TYPE),
    ));
    return (engine, th, proof) => identity.verify(engine, th, proof, signal);
  }

  async #loadDevice(): Promise<Device | undefined> {
    const { deviceKey, at } = this.#settings;
    if (!deviceKey) return undefined;
    const { Device } = await need<typeof DevicePart>('device');
    // The promise: two handshakes could otherwise make two keys.
    this.#device ??= Device.load(deviceKey, at('handshake'));
    // A storage that failed may work next time.
    this.#device.catch(() => (this.#device = undefined));
    return this.#device;
  }
}

/** Whether the server or this runtime may support another kind. Anyone on the way can forge the server's refusal. */
function isRefusalOfKind(error: unknown): boolean {
  if (!(error instanceof E2eClientError)) return false;
  return error.problem === 'key-rejected' || /^(engine|runtime)-unsupported$/.test(error.code);
}
