import type { Bytes, ContentKey, CryptoEngine, PrivateKey, PublicKey } from '../../protocol/crypto.js';
import { utf8 } from '../../protocol/json.js';
import { IV_BYTES, MAX_HEADER_BYTES } from '../../protocol/jwe.js';
import type { KeyKind } from '../../protocol/jwk.js';
import {
  ENC,
  MAX_MESSAGES_PER_CHANNEL,
  parseResponseHeader,
  REQUEST_TYP,
  type RequestHeader,
  type ResponseHeader,
} from '../../protocol/message.js';
import { REQUEST_KEY_INFO, RESPONSE_KEY_INFO, rsaKeyMaterial, SECRET_BYTES } from '../../protocol/schedule.js';
import { decodeJwe } from './encoding.js';

/** What is known of a channel, none of it secret. */
export interface ChannelTerms {
  /** Thumbprint of the server's key, and the channel's name. */
  readonly kid: string;
  readonly kind: KeyKind;
  /** The session's public name. */
  readonly session: string;
  /** Seconds since 1970, by the server's clock. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Seconds that the server's clock is ahead of ours. */
  readonly clockOffset: number;
}

/** What the channel's keys are made from (PROTOCOL §3). */
export interface ChannelSecrets {
  readonly th: Bytes;
  readonly ss: Bytes | undefined;
  readonly privateKey: PrivateKey;
  readonly serverKey: PublicKey;
  /** The proof of the device key, where one is used. */
  readonly dev?: string | undefined;
}

/** What a request's header says beside what the channel knows. */
export type MessageBinding = Pick<RequestHeader, 'method' | 'target' | 'idem' | 'cty' | 'in'>;

export interface OpenedAnswer {
  readonly header: ResponseHeader;
  readonly plaintext: Bytes;
}

interface ChannelKeys {
  readonly ek: string | undefined;
  readonly request: ContentKey;
  readonly response: ContentKey;
}

/** So long before its end a channel is replaced: a tenth of its life, at most half a minute. */
const MARGIN = { share: 0.1, seconds: 30 };

/**
 * A channel at the client's end: seals requests and opens their answers, always the `dir` way. Its keys are private
 * members, so that neither `JSON.stringify` nor an inspector shows them.
 */
export class Channel {
  readonly #engine: CryptoEngine;
  readonly #keys: ChannelKeys;
  readonly #renewAt: number;
  #seq = 0;
  /** Goes with every message until the first answer (PROTOCOL §2). */
  #dev: string | undefined;

  private constructor(
    engine: CryptoEngine,
    readonly terms: ChannelTerms,
    keys: ChannelKeys,
    dev: string | undefined,
  ) {
    const { issuedAt, expiresAt } = terms;
    this.#engine = engine;
    this.#keys = keys;
    this.#dev = dev;
    this.#renewAt = expiresAt - Math.min(MARGIN.seconds, (expiresAt - issuedAt) * MARGIN.share);
  }

  /** `undefined` where the shared secret would be all zeros. */
  static async derive(
    engine: CryptoEngine,
    terms: ChannelTerms,
    secrets: ChannelSecrets,
  ): Promise<Channel | undefined> {
    const { th, ss, privateKey, serverKey, dev } = secrets;
    let ek: string | undefined;
    let ikm: Bytes | undefined;
    if (ss) {
      const cs = engine.randomBytes(SECRET_BYTES);
      ek = engine.encodeBase64url(await engine.rsaEncrypt(serverKey, cs));
      ikm = rsaKeyMaterial(ss, cs);
    } else {
      ikm = await engine.agree(privateKey, serverKey);
    }
    if (!ikm) return undefined;
    const keys: ChannelKeys = {
      ek,
      request: await engine.importContentKey(await engine.hkdf(ikm, th, REQUEST_KEY_INFO)),
      response: await engine.importContentKey(await engine.hkdf(ikm, th, RESPONSE_KEY_INFO)),
    };
    return new Channel(engine, terms, keys, dev);
  }

  /**
   * The next sequence number, which is then spent whatever becomes of its message; `undefined` where the channel is near
   * its end, in time or in messages.
   */
  claim(): number | undefined {
    if (this.#now() >= this.#renewAt || this.#seq >= MAX_MESSAGES_PER_CHANNEL) return undefined;
    return ++this.#seq;
  }

  /** A request's message; `undefined` where what it is bound to does not fit into its header. */
  async seal(seq: number, binding: MessageBinding, plaintext: Bytes): Promise<string | undefined> {
    const engine = this.#engine;
    const { ek, request } = this.#keys;
    const iat = Math.floor(this.#now());
    const { kid } = this.terms;
    const header: RequestHeader = {
      alg: 'dir',
      enc: ENC,
      typ: REQUEST_TYP,
      kid,
      seq,
      iat,
      ...binding,
      ek,
      dev: this.#dev,
    };
    const json = utf8(JSON.stringify(header));
    if (json.length > MAX_HEADER_BYTES) return undefined;
    const protectedHeader = engine.encodeBase64url(json);
    const iv = engine.randomBytes(IV_BYTES);
    const { ciphertext, tag } = await engine.seal(request, iv, utf8(protectedHeader), plaintext);
    const [encodedIv, encodedCiphertext, encodedTag] = [iv, ciphertext, tag].map((part) =>
      engine.encodeBase64url(part),
    );
    return `${protectedHeader}..${encodedIv}.${encodedCiphertext}.${encodedTag}`;
  }

  /** The answer to the message with this number, or `undefined` for any failure at all. */
  async open(seq: number, message: string): Promise<OpenedAnswer | undefined> {
    const jwe = decodeJwe(this.#engine, message);
    if (!jwe || jwe.encryptedKey.length > 0) return undefined;
    const header = parseResponseHeader(jwe.header);
    if (header?.alg !== 'dir' || header.kid !== this.terms.kid || header.seq !== seq) return undefined;
    const plaintext = await this.#engine.open(this.#keys.response, jwe.iv, jwe.aad, jwe.ciphertext, jwe.tag);
    if (!plaintext || (plaintext.length > 0 && header.cty === undefined)) return undefined;
    this.#dev = undefined;
    return { header, plaintext };
  }

  /** The server's time, from the wall clock at this very moment. */
  #now(): number {
    return Date.now() / 1000 + this.terms.clockOffset;
  }
}
