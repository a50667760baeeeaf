import type { Bytes, CryptoEngine } from '../../protocol/crypto.js';
import { parseJsonObject, utf8, type JsonObject } from '../../protocol/json.js';
import { PROOF_TYP, splitJws, transcriptPayload } from '../../protocol/jws.js';
import { signatureAlgorithm, type SigningJwk } from '../../protocol/jwk.js';
import { decodeText, thumbprint } from '../channel/encoding.js';
import { E2eClientError } from '../errors.js';
import { readSigningKey } from './signing-key.js';

const THUMBPRINT_BYTES = 32;

/**
 * The server's pinned identity (PROTOCOL §2). If only a thumbprint is pinned, the key itself comes from the server's
 * list, and counts because it has the pinned thumbprint.
 */
export class PinnedIdentity {
  readonly #pins: readonly (SigningJwk | string)[];
  readonly #list: (signal: AbortSignal) => Promise<JsonObject>;
  /** By thumbprint; `undefined` if the key was not read from the list yet. */
  #keys: Map<string, SigningJwk | undefined> | undefined;

  /** @throws E2eClientError `invalid-option` if a pin is neither a public signing key nor a thumbprint. */
  constructor(pins: readonly (SigningJwk | string)[], list: (signal: AbortSignal) => Promise<JsonObject>) {
    this.#pins = pins.map(readPin);
    this.#list = list;
  }

  /**
   * Verifies the proof over a transcript hash; without pins there is nothing to check.
   *
   * @param signal of the handshake, for the request for the list.
   */
  async verify(engine: CryptoEngine, th: Bytes, proof: unknown, signal: AbortSignal): Promise<void> {
    if (this.#pins.length === 0) return;
    if (typeof proof !== 'string') throw rejected('it sent no proof (does it have an identityKey?)');
    const jws = splitJws(proof);
    const { alg, typ, kid, crit } = parseJsonObject((jws && decodeText(engine, jws.header)) ?? '') ?? {};
    const signature = jws && engine.decodeBase64url(jws.signature);
    if (!jws || typ !== PROOF_TYP || crit !== undefined || typeof kid !== 'string' || !signature) {
      throw rejected('its proof is malformed');
    }
    if (jws.payload !== transcriptPayload((bytes) => engine.encodeBase64url(bytes), th)) {
      throw rejected('its proof is of another handshake');
    }

    const key = await this.#find(engine, kid, signal);
    if (!key) throw rejected('its proof is by a key that is not pinned');
    if (alg !== signatureAlgorithm(key)) throw rejected("its proof's algorithm is not the pinned key's");
    if (!engine.signatures.includes(signatureAlgorithm(key))) {
      throw new E2eClientError(
        'engine-unsupported',
        `The ${engine.name} engine verifies no ${signatureAlgorithm(key)} signatures.`,
      );
    }
    if (!(await engine.verify(key, utf8(`${jws.header}.${jws.payload}`), signature))) {
      throw rejected('the signature of its proof is wrong');
    }
  }

  async #find(engine: CryptoEngine, kid: string, signal: AbortSignal): Promise<SigningJwk | undefined> {
    const keys = (this.#keys ??= await this.#byThumbprint(engine));
    if (!keys.has(kid) || keys.get(kid)) return keys.get(kid);
    const { keys: listed } = await this.#list(signal);
    for (const value of Array.isArray(listed) ? (listed as unknown[]) : []) {
      const key = readSigningKey(value);
      if (key && (await thumbprint(engine, key)) === kid) keys.set(kid, key);
    }
    return keys.get(kid);
  }

  async #byThumbprint(engine: CryptoEngine): Promise<Map<string, SigningJwk | undefined>> {
    const keys = new Map<string, SigningJwk | undefined>();
    for (const pin of this.#pins) {
      if (typeof pin !== 'string') keys.set(await thumbprint(engine, pin), pin);
      else if (!keys.has(pin)) keys.set(pin, undefined);
    }
    return keys;
  }
}

/** The `kid` that a proof's header names, with or without a pin (PROTOCOL §2); the empty string if it names none. */
export function signerOf(engine: CryptoEngine, proof: unknown): string {
  const jws = typeof proof === 'string' ? splitJws(proof) : undefined;
  const { kid } = (jws && parseJsonObject(decodeText(engine, jws.header) ?? '')) ?? {};
  return typeof kid === 'string' && engine.decodeBase64url(kid)?.length === THUMBPRINT_BYTES ? kid : '';
}

function readPin(pin: SigningJwk | string): SigningJwk | string {
  const read = typeof pin === 'string' ? /^[\w-]{43}$/.test(pin) && pin : readSigningKey(pin);
  if (read) return read;
  throw new E2eClientError(
    'invalid-option',
    'identityKeys holds public JWKs (Ed25519 or P-256) and their SHA-256 thumbprints in base64url',
  );
}

function rejected(reason: string): E2eClientError {
  return new E2eClientError('identity-rejected', `The server did not prove its identity: ${reason}.`);
}
