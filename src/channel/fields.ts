import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import {
  FIELD_INFO,
  fieldPlaintext,
  parseFieldHeader,
  renderFieldHeader,
  REQUEST_FIELDS_INFO,
  RESPONSE_FIELDS_INFO,
} from '../protocol/field.js';
import { IV_BYTES, MAX_HEADER_BYTES, splitJwe } from '../protocol/jwe.js';
import { fromUtf8, parseJson, utf8 } from '../protocol/json.js';
import { ascii } from './ascii.js';

/** Opens the fields of one request, and seals those of its response (PROTOCOL §10). */
export class FieldCipher {
  readonly #engine: NodeEngine;
  readonly #derive: (info: Bytes) => Bytes;
  readonly #salt: Bytes;
  #request: ContentKey | undefined;
  #response: ContentKey | undefined;

  /**
   * @param derive gives a key of the channel by its `info`.
   * @param ticket the request's ticket, a compact JWE.
   */
  constructor(engine: NodeEngine, derive: (info: Bytes) => Bytes, ticket: string) {
    this.#engine = engine;
    this.#derive = derive;
    this.#salt = engine.sha256(ascii(ticket));
  }

  /** The value of the request's field at this JSON pointer, or `undefined` for any failure. */
  open(path: string, field: string): { readonly value: unknown } | undefined {
    const parts = splitJwe(field);
    if (parts?.encryptedKey !== '') return undefined;
    const [header, iv, ciphertext, tag] = [parts.protected, parts.iv, parts.ciphertext, parts.tag].map((part) =>
      this.#engine.decodeBase64url(part),
    );
    if (!header || header.length > MAX_HEADER_BYTES || !iv || !ciphertext || !tag) return undefined;
    const key = (this.#request ??= this.#keyFor(REQUEST_FIELDS_INFO));
    try {
      if (parseFieldHeader(fromUtf8(header)) !== path) return undefined;
      const plaintext = this.#engine.open(key, iv, ascii(parts.protected), ciphertext, tag);
      return plaintext && parseJson(fromUtf8(plaintext));
    } catch {
      return undefined; // not UTF-8
    }
  }

  /**
   * The field of the response at this JSON pointer.
   *
   * @param json the value's JSON.
   * @throws RangeError if the pointer does not fit into its header.
   */
  seal(path: string, json: string): string {
    const engine = this.#engine;
    const key = (this.#response ??= this.#keyFor(RESPONSE_FIELDS_INFO));
    const bytes = utf8(renderFieldHeader(path));
    if (bytes.length > MAX_HEADER_BYTES) throw new RangeError('the path of a field is too long');
    const header = engine.encodeBase64url(bytes);
    const iv = engine.randomBytes(IV_BYTES);
    const { ciphertext, tag } = engine.seal(key, iv, ascii(header), fieldPlaintext(json));
    return `${header}..${[iv, ciphertext, tag].map((part) => engine.encodeBase64url(part)).join('.')}`;
  }

  #keyFor(info: Bytes): ContentKey {
    return this.#engine.importContentKey(this.#engine.hkdf(this.#derive(info), this.#salt, FIELD_INFO));
  }
}
