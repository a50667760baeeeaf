import type { Awaitable, Bytes, ContentKey, CryptoEngine, PrivateKey, PublicKey } from '../../protocol/crypto.js';
import { utf8 } from '../../protocol/json.js';
import type { KeyKind } from '../../protocol/jwk.js';
import {
  ENC,
  MAX_MESSAGES_PER_CHANNEL,
  parseResponseHeader,
  REQUEST_TYP,
  type Again,
  type Frames,
  type RequestHeader,
  type ResponseHeader,
} from '../../protocol/message.js';
import type { Meta } from '../../protocol/meta.js';
import {
  AGAIN_KEY_INFO,
  AGAIN_TAG_BYTES,
  againInput,
  FRAMES_INFO,
  REQUEST_FRAMES_INFO,
  REQUEST_KEY_INFO,
  RESPONSE_FRAMES_INFO,
  RESPONSE_KEY_INFO,
  joinSecrets,
  SECRET_BYTES,
} from '../../protocol/schedule.js';
import { decodeJwe, sealJwe } from './encoding.js';
import type { SealedHead, StreamKey } from './stream-key.js';
import { hasRightBody, join, splitMeta } from './plaintext.js';

/** Facts about a channel, none of them secret. */
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
  /** The proof of the device key, if there is one. */
  readonly dev?: string | undefined;
}

/** The part of a request's header that the channel does not know. */
export type MessageBinding = Pick<RequestHeader, 'method' | 'target' | 'idem' | 'cty' | 'again' | 'length' | 'fields'>;

/** A number on a channel, taken for one message. */
export interface Claim {
  readonly channel: Channel;
  readonly seq: number;
  /** How often the caller had ended its session when the channel was opened. */
  readonly era: number;
}

export interface OpenedAnswer {
  readonly header: ResponseHeader;
  readonly meta: Meta;
  /** The body; empty for a head. */
  readonly plaintext: Bytes;
  /** The key of the frames that follow, if the header says that frames follow. */
  readonly streamKey: () => Promise<StreamKey>;
}

/** The channel's keys. Keys that few requests need are derived on demand. */
interface ChannelKeys {
  readonly ek: string | undefined;
  readonly request: ContentKey;
  readonly response: ContentKey;
  readonly derive: (info: Bytes) => Awaitable<Bytes>;
  readonly deriveAgain: () => Awaitable<Bytes>;
}

/** How long before its end a channel is replaced: a tenth of its life, at most half a minute. */
const MARGIN = { share: 0.1, seconds: 30 };

/**
 * A channel on the client's side: seals requests and opens their responses, always with `dir`. Its keys are private
 * members, so that neither `JSON.stringify` nor an inspector shows them.
 */
export class Channel {
  readonly #engine: CryptoEngine;
  readonly #keys: ChannelKeys;
  readonly #renewAt: number;
  #seq = 0;
  /** Released numbers below the highest one. */
  readonly #released = new Set<number>();
  /** Goes with every message until the first response (PROTOCOL §2). */
  #dev: string | undefined;
  /** Whether the server has said that it stores the keys, so requests need no `ek`. */
  isKept = false;
  #isProven = false;

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

  /** `undefined` if the shared secret would be all zeros. */
  static async derive(
    engine: CryptoEngine,
    terms: ChannelTerms,
    secrets: ChannelSecrets,
  ): Promise<Channel | undefined> {
    const { th, ss, privateKey, serverKey, dev } = secrets;
    const isRsa = terms.kind === 'RSA';
    let ek: string | undefined;
    let other: Bytes | undefined;
    if (isRsa) {
      other = engine.randomBytes(SECRET_BYTES);
      ek = engine.encodeBase64url(await engine.rsaEncrypt(serverKey, other));
    } else {
      other = await engine.agree(privateKey, serverKey);
    }
    if (!other) return undefined;
    const ikm = ss ? joinSecrets(ss, other) : other;
    const derive = (info: Bytes) => engine.hkdf(ikm, th, info);
    const keys: ChannelKeys = {
      ek,
      request: await engine.importContentKey(await derive(REQUEST_KEY_INFO)),
      response: await engine.importContentKey(await derive(RESPONSE_KEY_INFO)),
      derive,
      deriveAgain: () => engine.hkdf(isRsa ? ss! : ikm, th, AGAIN_KEY_INFO),
    };
    return new Channel(engine, terms, keys, dev);
  }

  /**
   * The next sequence number, which is used up unless it is released; `undefined` if the channel is near
   * its end, in time or in messages.
   */
  claim(): number | undefined {
    if (this.#now() >= this.#renewAt || this.#seq >= MAX_MESSAGES_PER_CHANNEL) return undefined;
    return ++this.#seq;
  }

  /** Releases a number whose message was not sent, so that it does not move the replay window. */
  release(seq: number): void {
    this.#released.add(seq);
    while (this.#released.delete(this.#seq)) this.#seq--;
  }

  /** Whether a response was opened on it: the server then knows the channel and finds it. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Whether the channel has ended, by the server's clock. */
  get isExpired(): boolean {
    return this.#now() >= this.terms.expiresAt;
  }

  /**
   * A request's message; `undefined` if its content does not fit into its header.
   *
   * @param meta the meta object's JSON; empty if there is none.
   */
  async seal(seq: number, binding: MessageBinding, meta: Bytes, body: Bytes): Promise<string | undefined> {
    return this.#seal(seq, binding, undefined, meta, body);
  }

  /** The head of a body in frames (PROTOCOL §6) or of a socket (§7); `undefined` likewise. */
  async sealHead(
    seq: number,
    binding: MessageBinding,
    meta: Bytes,
    frames: Frames = 'body',
  ): Promise<SealedHead | undefined> {
    const head = await this.#seal(seq, binding, frames, meta, new Uint8Array(0));
    return head === undefined ? undefined : { head, streamKey: await this.deriveKey(REQUEST_FRAMES_INFO, head) };
  }

  /** The proof that a message on another channel is a copy of the one that had this number here (PROTOCOL §4, `again`). */
  async proveAgain(firstSeq: number, { channel, seq }: Claim): Promise<Again> {
    const engine = this.#engine;
    const mac = await engine.hmac(await this.#keys.deriveAgain(), againInput(firstSeq, channel.terms.kid, seq));
    return { kid: this.terms.kid, seq: firstSeq, tag: engine.encodeBase64url(mac.subarray(0, AGAIN_TAG_BYTES)) };
  }

  /**
   * The response to the message with this number, or `undefined` for any failure.
   *
   * @param frames what follows it, by its media type or its place on a socket.
   */
  async open(seq: number, message: string, frames?: Frames): Promise<OpenedAnswer | undefined> {
    const jwe = decodeJwe(this.#engine, message);
    if (!jwe || jwe.encryptedKey.length > 0) return undefined;
    const header = parseResponseHeader(jwe.header);
    if (header?.alg !== 'dir' || header.kid !== this.terms.kid || header.seq !== seq) return undefined;
    const plaintext = await this.#engine.open(this.#keys.response, jwe.iv, jwe.aad, jwe.ciphertext, jwe.tag);
    const parts = plaintext && splitMeta(plaintext, header.meta);
    if (!parts || !hasRightBody(header, parts.plaintext, frames)) return undefined;
    this.#dev = undefined;
    this.#isProven = true;
    this.isKept ||= header.kept === true;
    return { header, ...parts, streamKey: () => this.deriveKey(RESPONSE_FRAMES_INFO, message) };
  }

  async #seal(
    seq: number,
    binding: MessageBinding,
    frames: Frames | undefined,
    meta: Bytes,
    body: Bytes,
  ): Promise<string | undefined> {
    const { ek, request } = this.#keys;
    const { kid } = this.terms;
    const header = {
      alg: 'dir',
      enc: ENC,
      typ: REQUEST_TYP,
      kid,
      seq,
      iat: Math.floor(this.#now()),
      ...binding,
      meta: meta.length || undefined,
      frames,
      ek: this.isKept ? undefined : ek,
      dev: this.#dev,
    } satisfies { [Name in keyof RequestHeader]: RequestHeader[Name] | undefined };
    return sealJwe({ engine: this.#engine, key: request }, JSON.stringify(header), join(meta, body));
  }

  /** A key for one message's frames or fields (PROTOCOL §6, §10). */
  async deriveKey(info: Bytes, message: string, purpose = FRAMES_INFO): Promise<StreamKey> {
    const engine = this.#engine;
    const base = await this.#keys.derive(info);
    const key = await engine.hkdf(base, await engine.sha256(utf8(message)), purpose);
    return { engine, key: await engine.importContentKey(key) };
  }

  /** The server's time, from the current wall clock. */
  #now(): number {
    return Date.now() / 1000 + this.terms.clockOffset;
  }
}
