import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import { joinJwe, type CompactJwe } from '../protocol/jwe.js';
import type { KeyKind } from '../protocol/keys.js';
import type { RequestHeader } from '../protocol/message.js';
import { pad } from '../protocol/padding.js';
import { AGAIN_KEY_INFO, REQUEST_FRAMES_INFO, RESPONSE_FRAMES_INFO, SECRET_BYTES } from '../protocol/schedule.js';
import { isAgainTag } from './again.js';
import { ascii } from './ascii.js';
import { transcriptHash, type ChannelState } from './channel-state.js';
import { decryptSecret, deriveKey, findKeys, type ChannelKeys } from './channel-keys.js';
import { provesDevice } from './device.js';
import { FieldCipher } from './fields.js';
import { FrameOpener, FrameSealer, streamKey } from './frames.js';
import type {
  AcceptedSocket,
  DecodedJwe,
  Opened,
  PlainResponse,
  SealedHead,
  SocketHead,
  StreamHead,
} from './answer.js';
import { splitMeta } from './plaintext.js';
import { sealResponse, type WayBack } from './sealing.js';
import { SocketOpener, SocketSealer } from './sockets.js';

/**
 * How many responses one process seals on a channel. A key may seal 2³² with random IVs (PROTOCOL §3): so sixteen
 * servers together stay below the limit.
 */
const MAX_ANSWERS = 2 ** 28;

const NO_BYTES = new Uint8Array(0);

/**
 * A channel on the server's side: opens the client's messages and seals the responses (PROTOCOL §3, §4). Its secrets
 * are private members, so that neither `JSON.stringify` nor `util.inspect` shows them.
 */
export class Channel {
  readonly #engine: NodeEngine;
  readonly #maxAnswers: number;
  #state: ChannelState;
  #keys: ChannelKeys | undefined;
  /** Whether the channel's record has all of the state. */
  #isStored = true;
  #answers = 0;

  constructor(engine: NodeEngine, state: ChannelState, maxAnswers = MAX_ANSWERS) {
    this.#engine = engine;
    this.#state = state;
    this.#maxAnswers = maxAnswers;
  }

  get kid(): string {
    return this.#state.kid;
  }

  get kind(): KeyKind {
    return this.#state.kind;
  }

  /** Seconds since 1970, as `expiresAt`. */
  get issuedAt(): number {
    return this.#state.issuedAt;
  }

  get expiresAt(): number {
    return this.#state.expiresAt;
  }

  /** Whether no further response may be sealed here. If so, the channel must end. */
  get isSpent(): boolean {
    return this.#answers >= this.#maxAnswers;
  }

  /** Whether the key pairs have a secret that is not all zeros (RFC 7748 §6.1). On RSA channels the client chooses it later. */
  get hasSharedSecret(): boolean {
    return this.kind === 'RSA' || this.#agreedKeys() !== undefined;
  }

  /** Whether the session that made it is bound to a device key. */
  get isBound(): boolean {
    return this.#state.device !== undefined;
  }

  /** Whether a message like this one can have keys: without `ek`, on an RSA channel, only if the record has `cs`. */
  hasKeysFor({ alg, ek }: RequestHeader): boolean {
    return this.kind !== 'RSA' || alg !== 'dir' || ek !== undefined || this.#state.cs !== undefined;
  }

  /**
   * Opens a request, or returns `undefined` for any failure. Every cause ends in the same AEAD failure (RFC 7516
   * §11.5).
   */
  open(jwe: DecodedJwe, header: RequestHeader): Opened | undefined {
    return header.alg === 'dir' ? this.#openDirect(jwe, header) : this.#openPlain(jwe, header);
  }

  /** Whether the tag was made by this channel's client (PROTOCOL §4, `again`). */
  provesAgain(input: Bytes, tag: string): boolean {
    const key = this.againKey();
    return key !== undefined && isAgainTag(this.#engine, key, input, tag);
  }

  /** `a_req` (PROTOCOL §3): on an RSA channel from `ss` only, so that it exists before the first message. */
  againKey(): Bytes | undefined {
    const { ss } = this.#state;
    if (this.kind === 'RSA') return ss && this.#engine.hkdf(ss, transcriptHash(this.#state), AGAIN_KEY_INFO);
    const keys = this.#agreedKeys();
    return keys && this.#derive(keys, AGAIN_KEY_INFO);
  }

  /** The state. Only the vault that wraps it may use it. */
  static stateOf(channel: Channel): ChannelState {
    return channel.#state;
  }

  /** Notes that the record has this state. If it is all there is, responses say so (PROTOCOL §3, `kept`). */
  noteStored(state: ChannelState): void {
    this.#isStored = state === this.#state;
  }

  #openDirect(jwe: DecodedJwe, header: RequestHeader): Opened | undefined {
    const keys = this.#keysFor(header.ek);
    const plaintext = keys && this.#decrypt(keys.request, jwe);
    if (!plaintext) return undefined;
    const isDeviceProof = this.isBound && !this.#state.isDeviceProven;
    if (isDeviceProof && !this.#acceptDeviceProof(header.dev)) return undefined;
    // On RSA channels only now: until a message opens under them, `cs` may be an attacker's guess (PROTOCOL §3).
    this.#keys = keys;
    const parts = splitMeta(plaintext, header.meta);
    if (!parts) return undefined;
    const hasNewSecret = this.kind === 'RSA' && this.#state.cs === undefined;
    if (hasNewSecret) {
      this.#state = { ...this.#state, cs: keys.secret };
      this.#isStored = false;
    }
    // Only what follows the message needs it. A long one would stay in memory until the response has left.
    const text = header.frames === undefined && header.fields === undefined ? '' : jwe.text;
    return {
      header,
      ...parts,
      isDeviceProof,
      hasNewSecret,
      seal: (answer) => joinJwe(this.#seal(header, answer, this.#wayBack(header, keys))),
      sealParts: (answer) => this.#seal(header, answer, this.#wayBack(header, keys)),
      sealHead: (head) => this.#sealHead(header, head, keys),
      openFrames: () => {
        const key = this.#streamKey(keys, REQUEST_FRAMES_INFO, text);
        return new FrameOpener(this.#engine, key, header.length);
      },
      acceptSocket: (answer) => this.#acceptSocket(header, text, answer, keys),
      fields: () => new FieldCipher(this.#engine, (info) => this.#derive(keys, info), text),
    };
  }

  /** A plain JWE does not prove its sender, and so no device key. It has no frames. */
  #openPlain(jwe: DecodedJwe, header: RequestHeader): Opened | undefined {
    if (this.kind !== 'RSA' || this.isBound) return undefined;
    const contentKey = decryptSecret(this.#engine, this.#state.privateKey, jwe.encryptedKey);
    const plaintext = this.#decrypt(this.#engine.importContentKey(contentKey), jwe);
    const parts = plaintext && splitMeta(plaintext, header.meta);
    if (!parts) return undefined;
    return {
      header,
      ...parts,
      isDeviceProof: false,
      hasNewSecret: false,
      seal: (answer) => joinJwe(this.#seal(header, answer, this.#ownContentKey())),
      sealParts: (answer) => this.#seal(header, answer, this.#ownContentKey()),
      ...NO_FRAMES,
    };
  }

  #decrypt(key: ContentKey, { protected: header, iv, ciphertext, tag }: DecodedJwe): Bytes | undefined {
    return this.#engine.open(key, iv, ascii(header), ciphertext, tag);
  }

  #acceptDeviceProof(dev: string | undefined): boolean {
    const state = this.#state;
    if (!state.device || !provesDevice(this.#engine, state.device, transcriptHash(state), dev)) return false;
    this.#state = { ...state, isDeviceProven: true };
    return true;
  }

  /** The channel's keys: remembered, or derived again from the channel's secrets and `cs` (PROTOCOL §3). */
  #keysFor(ek: string | undefined): ChannelKeys | undefined {
    const known = this.#keys;
    if (known && (known.ek === ek || (ek === undefined && this.#areStored(known)))) return known;
    return findKeys(this.#engine, this.#state, ek);
  }

  /** The keys of an ECDH or hybrid channel, derived once: agreeing on a secret is most of what a handshake takes. */
  #agreedKeys(): ChannelKeys | undefined {
    return (this.#keys ??= findKeys(this.#engine, this.#state, undefined));
  }

  /** Whether the channel's record has the `cs` of these keys. */
  #areStored({ secret }: ChannelKeys): boolean {
    const { cs } = this.#state;
    return this.#isStored && cs !== undefined && this.#engine.timingSafeEqual(secret, cs);
  }

  /** Seals responses with `dir`. After a request with `ek`, they say whether the next one still needs it. */
  #wayBack({ ek }: RequestHeader, keys: ChannelKeys): WayBack {
    const kept = ek !== undefined && this.#areStored(keys) ? true : undefined;
    return { key: keys.response, encryptedKey: '', kept };
  }

  /** Seals a plain response: with its own content key, encrypted to the client's RSA key. */
  #ownContentKey(): WayBack {
    const engine = this.#engine;
    const contentKey = engine.randomBytes(SECRET_BYTES);
    const encryptedKey = engine.rsaEncrypt(engine.importPublicKey(this.#state.clientKey), contentKey);
    return { key: engine.importContentKey(contentKey), encryptedKey: engine.encodeBase64url(encryptedKey) };
  }

  #seal(request: RequestHeader, answer: PlainResponse, wayBack: WayBack): CompactJwe {
    this.#answers++;
    const { plaintext, cty, padding } = answer;
    const body = padding ? pad(plaintext, cty) : plaintext;
    return sealResponse(this.#engine, this.kid, request, answer, {}, body, wayBack);
  }

  #sealHead(request: RequestHeader, head: StreamHead, keys: ChannelKeys): SealedHead {
    this.#answers++;
    const engine = this.#engine;
    const frames = { frames: 'body', length: head.length } as const;
    const wayBack = this.#wayBack(request, keys);
    const text = joinJwe(sealResponse(engine, this.kid, request, head, frames, NO_BYTES, wayBack));
    return { head: text, frames: new FrameSealer(engine, this.#streamKey(keys, RESPONSE_FRAMES_INFO, text)) };
  }

  #acceptSocket(request: RequestHeader, from: string, answer: SocketHead, keys: ChannelKeys): AcceptedSocket {
    this.#answers++;
    const engine = this.#engine;
    const facts = { ...answer, status: 101 };
    const wayBack = this.#wayBack(request, keys);
    const head = joinJwe(sealResponse(engine, this.kid, request, facts, { frames: 'socket' }, NO_BYTES, wayBack));
    return {
      head,
      opener: new SocketOpener(engine, this.#streamKey(keys, REQUEST_FRAMES_INFO, from), answer.limit),
      sealer: new SocketSealer(engine, this.#streamKey(keys, RESPONSE_FRAMES_INFO, head)),
    };
  }

  #streamKey(keys: ChannelKeys, info: Bytes, head: string): ContentKey {
    return streamKey(this.#engine, this.#derive(keys, info), head);
  }

  #derive({ secret }: ChannelKeys, info: Bytes): Bytes {
    return deriveKey(this.#engine, this.#state, secret, info);
  }
}

const refuse = (): never => {
  throw new TypeError('frames and fields are sent under "dir" only');
};
const NO_FRAMES = { sealHead: refuse, openFrames: refuse, acceptSocket: refuse, fields: refuse };
