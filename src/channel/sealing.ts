import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import { IV_BYTES, MAX_HEADER_BYTES, type CompactJwe } from '../protocol/jwe.js';
import { utf8 } from '../protocol/json.js';
import { ENC, RESPONSE_TYP, type RequestHeader, type ResponseHeader } from '../protocol/message.js';
import { META_BYTES, renderMeta, type Meta } from '../protocol/meta.js';
import { padJson } from '../protocol/padding.js';
import { ascii } from './ascii.js';
import type { PlainResponse, StreamHead } from './answer.js';

/** How a response is sealed: the content key, and the encrypted-key part that carries it. */
export interface WayBack {
  readonly key: ContentKey;
  readonly encryptedKey: string;
  /** Whether the client may leave `ek` out from now on (PROTOCOL §3). */
  readonly kept?: true | undefined;
}

const NO_BYTES = new Uint8Array(0);

/**
 * A response's message (PROTOCOL §4), or the head of one in frames, which has no body.
 *
 * @throws RangeError if its header fields do not fit, or contain characters that are not allowed.
 */
export function sealResponse(
  engine: NodeEngine,
  kid: string,
  { alg, seq }: Pick<RequestHeader, 'alg' | 'seq'>,
  { iat, status, cty, headers, protocol, early, fields, padding = false }: Omit<PlainResponse, 'plaintext'>,
  frames: Pick<StreamHead, 'length'> & Pick<ResponseHeader, 'frames'>,
  body: Bytes,
  { key, encryptedKey, kept }: WayBack,
): CompactJwe {
  const meta = metaBytes({ headers, protocol }, padding);
  const json = JSON.stringify({
    alg,
    enc: ENC,
    typ: RESPONSE_TYP,
    kid,
    seq,
    iat,
    status,
    cty,
    meta: meta.length > 0 ? meta.length : undefined,
    ...frames,
    early,
    fields,
    kept,
  } satisfies { [Name in keyof ResponseHeader]: ResponseHeader[Name] | undefined });
  if (json.length > MAX_HEADER_BYTES) throw new RangeError('the header of the response is too long');
  const protectedHeader = engine.encodeBase64url(Buffer.from(json));
  const iv = engine.randomBytes(IV_BYTES);
  const plaintext = meta.length > 0 ? Buffer.concat([meta, body]) : body;
  const { ciphertext, tag } = engine.seal(key, iv, ascii(protectedHeader), plaintext);
  return {
    protected: protectedHeader,
    encryptedKey,
    iv: engine.encodeBase64url(iv),
    ciphertext: engine.encodeBase64url(ciphertext),
    tag: engine.encodeBase64url(tag),
  };
}

function metaBytes(meta: Meta, padding: boolean): Bytes {
  const json = renderMeta(meta, 'server');
  if (json === '') return NO_BYTES;
  const bytes = json === undefined ? undefined : padJson(utf8(json), padding);
  if (!bytes || bytes.length > META_BYTES.max) throw new RangeError('the sealed header fields do not fit');
  return bytes;
}
