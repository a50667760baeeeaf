import type { NodeEngine } from '../crypto/node.js';
import { base64urlByteLength } from '../protocol/base64url.js';
import { MAX_HEADER_BYTES, splitJwe } from '../protocol/jwe.js';
import { fromUtf8 } from '../protocol/json.js';
import { parseRequestHeader, type Frames, type RequestHeader } from '../protocol/message.js';
import { META_BYTES } from '../protocol/meta.js';
import { E2eProblem, tooLarge } from '../protocol/problem.js';
import type { DecodedJwe } from './answer.js';

/** The place of a message (PROTOCOL §4): body, request header, before frames, with fields, or first on a socket. */
export type Place = 'body' | 'header' | 'stream' | 'fields' | 'socket';

/** What follows a message in that place. */
const FRAMES: Record<Place, Frames | undefined> = {
  body: undefined,
  header: undefined,
  stream: 'body',
  fields: undefined,
  socket: 'socket',
};

/** Reads messages before anything is known of their channel: step 1 of PROTOCOL §5. */
export class MessageReader {
  /** @param options `maxBodySize` in bytes of plaintext. */
  constructor(
    private readonly engine: NodeEngine,
    private readonly options: { readonly maxBodySize: number; readonly allowPlainJwe: boolean },
  ) {}

  /**
   * Size, five parts, canonical encoding, header members and their types.
   *
   * @throws E2eProblem `message-rejected` or `too-large`.
   */
  read(message: string, place: Place): { jwe: DecodedJwe; header: RequestHeader } {
    const parts = splitJwe(message);
    if (!parts) throw new E2eProblem('message-rejected', { step: 'format' });
    if (base64urlByteLength(parts.ciphertext) > this.options.maxBodySize + META_BYTES.max) {
      throw tooLarge(this.options.maxBodySize);
    }
    const encryptedKey = this.engine.decodeBase64url(parts.encryptedKey);
    const iv = this.engine.decodeBase64url(parts.iv);
    const ciphertext = this.engine.decodeBase64url(parts.ciphertext);
    const tag = this.engine.decodeBase64url(parts.tag);
    const header = this.readHeader(parts.protected);
    if (!encryptedKey || !iv || !ciphertext || !tag || !header) {
      throw new E2eProblem('message-rejected', { step: 'format' });
    }
    if (ciphertext.length - (header.meta ?? 0) > this.options.maxBodySize) throw tooLarge(this.options.maxBodySize);
    if (header.frames !== FRAMES[place]) throw new E2eProblem('message-rejected', { step: 'placement' });
    const isTicket = header.fields !== undefined;
    if (isTicket !== (place === 'fields')) throw new E2eProblem('message-rejected', { step: 'placement' });
    const fits =
      header.alg === 'dir' ? encryptedKey.length === 0 : this.options.allowPlainJwe && header.ek === undefined;
    if (!fits) throw new E2eProblem('message-rejected', { step: 'format' });
    return { jwe: { text: message, protected: parts.protected, encryptedKey, iv, ciphertext, tag }, header };
  }

  /** The protected header alone, or `undefined` if it is not one. */
  readHeader(protectedHeader: string): RequestHeader | undefined {
    const bytes = this.engine.decodeBase64url(protectedHeader);
    if (!bytes || bytes.length > MAX_HEADER_BYTES) return undefined;
    try {
      return parseRequestHeader(fromUtf8(bytes));
    } catch {
      return undefined; // not UTF-8
    }
  }
}
