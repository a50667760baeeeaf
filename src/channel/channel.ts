import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import type { KeyKind } from '../protocol/keys.js';
import type { RequestHeader } from '../protocol/message.js';
import { pad } from '../protocol/padding.js';
import {
  AGAIN_KEY_INFO,
  REQUEST_FRAMES_INFO,
  REQUEST_KEY_INFO,
  RESPONSE_FRAMES_INFO,
  RESPONSE_KEY_INFO,
  joinSecrets,
  SECRET_BYTES,
} from '../protocol/schedule.js';
import type { ChannelState } from './channel-state.js';
import { isAgainTag } from './again.js';
import { ascii } from './ascii.js';
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

/** Both directions' keys, what they come from, and on RSA channels the `ek` that half of that came in. */
interface ChannelKeys {
  readonly ek: string | undefined;
  readonly ikm: Bytes;
  readonly request: ContentKey;
  readonly response: ContentKey;
}

/**
 * How many answers one process seals on a channel. A key may seal 2³² with random IVs (PROTOCOL §3): so sixteen servers
 * stay under that together.
 */
const MAX_ANSWERS = 2 ** 28;

const NO_BYTES = new Uint8Array(0);

/**
 * A channel on the server's side: opens the client's messages and seals the answers (PROTOCOL §3, §4). Its secrets are
 * private members, so that neither `JSON.stringify` nor `util.inspect` shows them.
 */
export class Channel {
  readonly kid: string;
  readonly kind: KeyKind;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly #engine: NodeEngine;
  readonly #maxAnswers: number;
  #state: ChannelState;
  #keys: ChannelKeys | undefined;
  #answers = 0;

  constructor(engine: NodeEngine, state: ChannelState, maxAnswers = MAX_ANSWERS) {
    this.kid = state.kid;
    this.kind = state.kind;
    this.issuedAt = state.issuedAt;
    this.expiresAt = state.expiresAt;
    this.#engine = engine;
    this.#state = state;
    this.#maxAnswers = maxAnswers;
  }

  /** Whether no further answer may be sealed here: the channel is then to be ended. */
  get isSpent(): boolean {
    return this.#answers >= this.#maxAnswers;
  }

  /** Whether the session that made it is bound to a device key. */
  get isBound(): boolean {
    return this.#state.device !== undefined;
  }

  /** Opens a request, or `undefined` for any failure at all. Every cause ends in the same AEAD failure (RFC 7516 §11.5). */
  open(jwe: DecodedJwe, header: RequestHeader): Opened | undefined {
    return header.alg === 'dir' ? this.#openDirect(jwe, header) : this.#openPlain(jwe, header);
  }

  /** Whether the tag was made by this channel's client (PROTOCOL §4, `again`). */
  provesAgain(input: Bytes, tag: string): boolean {
    const key = this.againKey();
    return key !== undefined && isAgainTag(this.#engine, key, input, tag);
  }

  /** `a_req` (PROTOCOL §3): of an RSA channel from `ss` alone, so that it is there before any message is. */
  againKey(): Bytes | undefined {
    const { ss, th } = this.#state;
    const ikm = this.kind === 'RSA' ? ss : this.#keyMaterial(undefined);
    return ikm && this.#engine.hkdf(ikm, th, AGAIN_KEY_INFO);
  }

  /** The state, for the vault that wraps it, and for nobody else. */
  static stateOf(channel: Channel): ChannelState {
    return channel.#state;
  }

  #openDirect(jwe: DecodedJwe, header: RequestHeader): Opened | undefined {
    const keys = this.#keysFor(header.ek);
    const plaintext = keys && this.#decrypt(keys.request, jwe);
    if (!plaintext) return undefined;
    const isDeviceProof = this.isBound && !this.#state.isDeviceProven;
    if (isDeviceProof && !this.#acceptDeviceProof(header.dev)) return undefined;
    // Remembered only now: keys that nothing opened under are a stranger's guess (PROTOCOL §3).
    this.#keys = keys;
    const parts = splitMeta(plaintext, header.meta);
    if (!parts) return undefined;
    return {
      header,
      ...parts,
      isDeviceProof,
      seal: (answer) => this.#seal(header, answer, { key: keys.response, encryptedKey: '' }),
      sealHead: (head) => this.#sealHead(header, head, keys),
      openFrames: () => {
        const key = this.#streamKey(keys, REQUEST_FRAMES_INFO, jwe.text);
        return new FrameOpener(this.#engine, key, header.length);
      },
      acceptSocket: (answer) => this.#acceptSocket(header, jwe.text, answer, keys),
      fields: () => new FieldCipher(this.#engine, (info) => this.#derive(keys, info), jwe.text),
    };
  }

  /** The plain way proves nothing about its sender, and so nothing about a device; it has no frames. */
  #openPlain(jwe: DecodedJwe, header: RequestHeader): Opened | undefined {
    if (this.kind !== 'RSA' || this.isBound) return undefined;
    const plaintext = this.#decrypt(this.#engine.importContentKey(this.#decryptKey(jwe.encryptedKey)), jwe);
    const parts = plaintext && splitMeta(plaintext, header.meta);
    if (!parts) return undefined;
    return {
      header,
      ...parts,
      isDeviceProof: false,
      seal: (answer) => this.#seal(header, answer, this.#ownContentKey()),
      sealHead: refuseFrames,
      openFrames: refuseFrames,
      acceptSocket: refuseFrames,
      fields: refuseFrames,
    };
  }

  #decrypt(key: ContentKey, { protected: header, iv, ciphertext, tag }: DecodedJwe): Bytes | undefined {
    return this.#engine.open(key, iv, ascii(header), ciphertext, tag);
  }

  #acceptDeviceProof(dev: string | undefined): boolean {
    const { device, th } = this.#state;
    if (!device || !provesDevice(this.#engine, device, th, dev)) return false;
    this.#state = { ...this.#state, isDeviceProven: true };
    return true;
  }

  /** The channel's keys: remembered, or made anew from the channel's secrets and the message's `ek`. */
  #keysFor(ek: string | undefined): ChannelKeys | undefined {
    if (this.#keys && this.#keys.ek === ek) return this.#keys;
    const engine = this.#engine;
    const { th } = this.#state;
    const ikm = this.#keyMaterial(ek);
    if (!ikm) return undefined;
    return {
      ek,
      ikm,
      request: engine.importContentKey(engine.hkdf(ikm, th, REQUEST_KEY_INFO)),
      response: engine.importContentKey(engine.hkdf(ikm, th, RESPONSE_KEY_INFO)),
    };
  }

  #keyMaterial(ek: string | undefined): Bytes | undefined {
    const { ss, clientKey, privateKey } = this.#state;
    // An `ek` on an ECDH or hybrid channel, or none on an RSA one, is a message for another kind of channel.
    if ((ek !== undefined) !== (this.kind === 'RSA')) return undefined;
    const encrypted = ek === undefined ? undefined : this.#engine.decodeBase64url(ek);
    const other =
      this.kind === 'RSA'
        ? encrypted && this.#decryptKey(encrypted)
        : this.#engine.agree(privateKey, this.#engine.importPublicKey(clientKey));
    return other && ss ? joinSecrets(ss, other) : other;
  }

  /** The 32 bytes under the server's RSA key, or random ones, so that a wrong key shows only when the tag does not match. */
  #decryptKey(encrypted: Bytes): Bytes {
    const random = this.#engine.randomBytes(SECRET_BYTES);
    const decrypted = this.#engine.rsaDecrypt(this.#state.privateKey, encrypted);
    return decrypted?.length === SECRET_BYTES ? decrypted : random;
  }

  /** The plain way back: a content key of its own, encrypted to the client's RSA key. */
  #ownContentKey(): WayBack {
    const engine = this.#engine;
    const contentKey = engine.randomBytes(SECRET_BYTES);
    const encryptedKey = engine.rsaEncrypt(engine.importPublicKey(this.#state.clientKey), contentKey);
    return { key: engine.importContentKey(contentKey), encryptedKey: engine.encodeBase64url(encryptedKey) };
  }

  #seal(request: RequestHeader, answer: PlainResponse, wayBack: WayBack): string {
    this.#answers++;
    const { plaintext, cty, padding } = answer;
    const body = padding ? pad(plaintext, cty) : plaintext;
    return sealResponse(this.#engine, this.kid, request, answer, {}, body, wayBack);
  }

  #sealHead(request: RequestHeader, head: StreamHead, keys: ChannelKeys): SealedHead {
    this.#answers++;
    const engine = this.#engine;
    const frames = { frames: 'body', length: head.length } as const;
    const wayBack = { key: keys.response, encryptedKey: '' };
    const text = sealResponse(engine, this.kid, request, head, frames, NO_BYTES, wayBack);
    return { head: text, frames: new FrameSealer(engine, this.#streamKey(keys, RESPONSE_FRAMES_INFO, text)) };
  }

  #acceptSocket(request: RequestHeader, from: string, answer: SocketHead, keys: ChannelKeys): AcceptedSocket {
    this.#answers++;
    const engine = this.#engine;
    const facts = { ...answer, status: 101 };
    const wayBack = { key: keys.response, encryptedKey: '' };
    const head = sealResponse(engine, this.kid, request, facts, { frames: 'socket' }, NO_BYTES, wayBack);
    return {
      head,
      opener: new SocketOpener(engine, this.#streamKey(keys, REQUEST_FRAMES_INFO, from), answer.limit),
      sealer: new SocketSealer(engine, this.#streamKey(keys, RESPONSE_FRAMES_INFO, head)),
    };
  }

  #streamKey(keys: ChannelKeys, info: Bytes, head: string): ContentKey {
    return streamKey(this.#engine, this.#derive(keys, info), head);
  }

  #derive({ ikm }: ChannelKeys, info: Bytes): Bytes {
    return this.#engine.hkdf(ikm, this.#state.th, info);
  }
}

function refuseFrames(): never {
  throw new TypeError('frames and fields are sent under "dir" only');
}
