import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey, PrivateKey } from '../protocol/crypto.js';
import { IV_BYTES, joinJwe, type CompactJwe } from '../protocol/jwe.js';
import { utf8 } from '../protocol/json.js';
import { keyKind, type KeyKind, type PublicJwk, type SigningJwk } from '../protocol/keys.js';
import type { RequestHeader, ResponseHeader, KeyManagement } from '../protocol/message.js';
import { REQUEST_KEY_INFO, RESPONSE_KEY_INFO, rsaKeyMaterial, SECRET_BYTES } from '../protocol/schedule.js';
import { ascii } from './ascii.js';
import { provesDevice } from './device.js';

/** What makes a channel, all of it: this is what the record in the store holds. */
export interface ChannelState {
  /** Thumbprint of the server's key, and the channel's name. */
  readonly kid: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly clientKey: PublicJwk;
  /** The transcript hash, 32 bytes. */
  readonly th: Bytes;
  /** RSA channels: the server's half of the secret, 32 bytes. */
  readonly ss: Bytes | undefined;
  readonly privateKey: PrivateKey;
  /** The device key that the session is bound to. */
  readonly device?: SigningJwk | undefined;
  /** Whether a message on this channel has proven possession of the device key. */
  readonly isDeviceProven?: boolean | undefined;
}

/** Both directions' keys, and on RSA channels the `ek` that they come from. */
interface ChannelKeys {
  readonly ek: string | undefined;
  readonly request: ContentKey;
  readonly response: ContentKey;
}

/** A compact JWE whose parts are bytes, all but the header: that is authenticated as it stands. */
export type DecodedJwe = Pick<CompactJwe, 'protected'> &
  Readonly<Record<Exclude<keyof CompactJwe, 'protected'>, Bytes>>;

/** A request's message, opened: what the channel says about it, and the way back. */
export interface OpenedMessage {
  readonly channel: Channel;
  readonly header: RequestHeader;
  readonly plaintext: Bytes;
  /** Whether this message proved possession of the device key, which is then to be stored with the channel. */
  readonly isDeviceProof: boolean;
  /** Seals an answer to this message, in the way it was asked (PROTOCOL §4). */
  readonly seal: (answer: Answer) => string;
}

/** What a sealed answer says in its header, beside what follows from the request. */
export interface Answer extends Pick<ResponseHeader, 'status' | 'cty' | 'location'> {
  readonly plaintext: Bytes;
  /** Seconds since 1970. */
  readonly iat: number;
}

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
  #state: ChannelState;
  #keys: ChannelKeys | undefined;

  constructor(engine: NodeEngine, state: ChannelState) {
    this.kid = state.kid;
    this.kind = keyKind(state.clientKey);
    this.issuedAt = state.issuedAt;
    this.expiresAt = state.expiresAt;
    this.#engine = engine;
    this.#state = state;
  }

  /** Opens a request, or `undefined` for any failure at all. Every cause ends in the same AEAD failure (RFC 7516 §11.5). */
  open(jwe: DecodedJwe, header: RequestHeader): OpenedMessage | undefined {
    const engine = this.#engine;
    const { encryptedKey, iv, ciphertext, tag } = jwe;
    const aad = ascii(jwe.protected);
    if (header.alg === 'dir') {
      const keys = this.#keysFor(header.ek);
      const plaintext = keys && engine.open(keys.request, iv, aad, ciphertext, tag);
      if (!plaintext) return undefined;
      const isDeviceProof = this.#owesDeviceProof;
      if (isDeviceProof && !this.#acceptDeviceProof(header.dev)) return undefined;
      // Remembered only now: keys that nothing opened under are a stranger's guess (PROTOCOL §3).
      this.#keys = keys;
      return this.#opened(header, plaintext, isDeviceProof, (protectedHeader, answer) =>
        this.#sealWith(keys.response, '', protectedHeader, answer),
      );
    }
    // The plain way proves nothing about its sender, and so nothing about a device.
    if (this.kind !== 'RSA' || this.#state.device) return undefined;
    const key = engine.importContentKey(this.#decryptKey(encryptedKey));
    const plaintext = engine.open(key, iv, aad, ciphertext, tag);
    return (
      plaintext &&
      this.#opened(header, plaintext, false, (protectedHeader, answer) => this.#sealPlainWay(protectedHeader, answer))
    );
  }

  /** The state, for the vault that wraps it, and for nobody else. */
  static stateOf(channel: Channel): ChannelState {
    return channel.#state;
  }

  get #owesDeviceProof(): boolean {
    return this.#state.device !== undefined && !this.#state.isDeviceProven;
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
      request: engine.importContentKey(engine.hkdf(ikm, th, REQUEST_KEY_INFO)),
      response: engine.importContentKey(engine.hkdf(ikm, th, RESPONSE_KEY_INFO)),
    };
  }

  #keyMaterial(ek: string | undefined): Bytes | undefined {
    const { ss, clientKey, privateKey } = this.#state;
    // An `ek` on an ECDH channel, or none on an RSA one, is a message for another kind of channel.
    if ((ek === undefined) !== (ss === undefined)) return undefined;
    if (ek === undefined || !ss) return this.#engine.agree(privateKey, this.#engine.importPublicKey(clientKey));
    const encrypted = this.#engine.decodeBase64url(ek);
    return encrypted && rsaKeyMaterial(ss, this.#decryptKey(encrypted));
  }

  /** The 32 bytes under the server's RSA key, or random ones, so that a wrong key shows only when the tag does not match. */
  #decryptKey(encrypted: Bytes): Bytes {
    const random = this.#engine.randomBytes(SECRET_BYTES);
    const decrypted = this.#engine.rsaDecrypt(this.#state.privateKey, encrypted);
    return decrypted?.length === SECRET_BYTES ? decrypted : random;
  }

  #opened(
    header: RequestHeader,
    plaintext: Bytes,
    isDeviceProof: boolean,
    seal: (protectedHeader: string, answer: Answer) => string,
  ): OpenedMessage {
    return {
      channel: this,
      header,
      plaintext,
      isDeviceProof,
      seal: (answer) => seal(this.#protect(header.alg, header.seq, answer), answer),
    };
  }

  #protect(alg: KeyManagement, seq: number, { iat, status, cty, location }: Answer): string {
    const header: ResponseHeader = {
      alg,
      enc: 'A256GCM',
      typ: 'e2e-res+jwe',
      kid: this.kid,
      seq,
      iat,
      status,
      cty,
      location,
    };
    return this.#engine.encodeBase64url(utf8(JSON.stringify(header)));
  }

  /** The plain way back: a content key of its own, encrypted to the client's RSA key. */
  #sealPlainWay(protectedHeader: string, answer: Answer): string {
    const engine = this.#engine;
    const contentKey = engine.randomBytes(SECRET_BYTES);
    const encryptedKey = engine.rsaEncrypt(engine.importPublicKey(this.#state.clientKey), contentKey);
    return this.#sealWith(
      engine.importContentKey(contentKey),
      engine.encodeBase64url(encryptedKey),
      protectedHeader,
      answer,
    );
  }

  #sealWith(key: ContentKey, encryptedKey: string, protectedHeader: string, { plaintext }: Answer): string {
    const engine = this.#engine;
    const iv = engine.randomBytes(IV_BYTES);
    const { ciphertext, tag } = engine.seal(key, iv, ascii(protectedHeader), plaintext);
    return joinJwe({
      protected: protectedHeader,
      encryptedKey,
      iv: engine.encodeBase64url(iv),
      ciphertext: engine.encodeBase64url(ciphertext),
      tag: engine.encodeBase64url(tag),
    });
  }
}
