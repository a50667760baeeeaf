import type { NodeEngine } from '../../crypto/node.js';
import type { Bytes, ContentKey } from '../../protocol/crypto.js';
import { IV_BYTES, TAG_BYTES } from '../../protocol/jwe.js';
import { fromUtf8, utf8 } from '../../protocol/json.js';

const RECORD_INFO = utf8('e2e/1 record');
const NAME_INFO = utf8('e2e/1 name');
const NO_SALT = new Uint8Array(0);

/**
 * Wraps what is kept in the session store: AES-256-GCM under a key derived from the deployment's secret
 * (HKDF-SHA-256), bound to a context, so that a record moved elsewhere does not open. The first secret wraps, all of
 * them unwrap. To replace a secret, put the new one first.
 */
export class Vault {
  readonly #engine: NodeEngine;
  readonly #wrapping: readonly ContentKey[];
  readonly #naming: Bytes;

  /** @param secrets one or several strings, each of high entropy. */
  constructor(engine: NodeEngine, secrets: readonly [string, ...string[]]) {
    this.#engine = engine;
    this.#wrapping = secrets.map((secret) => engine.importContentKey(engine.hkdf(utf8(secret), NO_SALT, RECORD_INFO)));
    this.#naming = engine.hkdf(utf8(secrets[0]), NO_SALT, NAME_INFO);
  }

  wrap(context: string, record: Bytes): string {
    const iv = this.#engine.randomBytes(IV_BYTES);
    const { ciphertext, tag } = this.#engine.seal(this.#wrapping[0]!, iv, utf8(context), record);
    return this.#engine.encodeBase64url(concat(iv, ciphertext, tag));
  }

  /** The record, or `undefined` if it is damaged, belongs to another context, or its secret is gone. */
  unwrap(context: string, wrapped: string): Bytes | undefined {
    for (const key of this.#wrapping) {
      const record = this.#open(key, context, wrapped);
      if (record) return record;
    }
    return undefined;
  }

  /** Whether a record that unwraps was wrapped under an old secret. */
  isOutdated(context: string, wrapped: string): boolean {
    const [current, ...others] = this.#wrapping;
    return others.length > 0 && this.#open(current!, context, wrapped) === undefined;
  }

  /**
   * 16 bytes derived from the string, in base64url. They are the same on every server, and reveal nothing without the
   * secret.
   */
  name(text: string): string {
    return this.#engine.encodeBase64url(this.#engine.hmac(this.#naming, utf8(text)).subarray(0, 16));
  }

  #open(key: ContentKey, context: string, wrapped: string): Bytes | undefined {
    const bytes = this.#engine.decodeBase64url(wrapped);
    if (!bytes || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
    const iv = bytes.subarray(0, IV_BYTES);
    const ciphertext = bytes.subarray(IV_BYTES, -TAG_BYTES);
    return this.#engine.open(key, iv, utf8(context), ciphertext, bytes.subarray(-TAG_BYTES));
  }

  wrapJson(context: string, value: unknown): string {
    return this.wrap(context, utf8(JSON.stringify(value)));
  }

  unwrapJson(context: string, wrapped: string): unknown {
    const record = this.unwrap(context, wrapped);
    return record && (JSON.parse(fromUtf8(record)) as unknown);
  }
}

export function concat(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
