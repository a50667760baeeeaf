import type { Bytes } from '../protocol/crypto.js';
import type { CompactJwe } from '../protocol/jwe.js';
import type { RequestHeader, ResponseHeader } from '../protocol/message.js';
import type { HeaderField, Meta } from '../protocol/meta.js';
import type { FieldCipher } from './fields.js';
import type { FrameOpener, FrameSealer } from './frames.js';
import type { SocketOpener, SocketSealer } from './sockets.js';

/** A compact JWE as a string, and its parts as bytes, except the header, which is authenticated as it was received. */
export type DecodedJwe = { readonly text: string } & Pick<CompactJwe, 'protected'> &
  Readonly<Record<Exclude<keyof CompactJwe, 'protected'>, Bytes>>;

/** What a request's message says, once a channel opened it, and the way back. */
export interface Opened {
  readonly header: RequestHeader;
  /** What must not be seen outside: the query, header fields. */
  readonly meta: Meta;
  /** The body; empty for a head. */
  readonly plaintext: Bytes;
  /** Whether this message proved possession of the device key. If so, it must be stored with the channel. */
  readonly isDeviceProof: boolean;
  /** Whether this message contained the `cs` of its RSA channel. If so, it must be stored with the channel. */
  readonly hasNewSecret: boolean;
  /**
   * Seals a response to this message, with the same `alg` (PROTOCOL §4).
   *
   * @throws RangeError if its header fields do not fit into a message, or contain characters that are not allowed.
   */
  readonly seal: (answer: PlainResponse) => string;
  /** The same, for a message that is too long to be joined as a string. */
  readonly sealParts: (answer: PlainResponse) => CompactJwe;
  /**
   * Seals the head of a response whose body follows in frames (PROTOCOL §6). Only for a message with `dir`.
   *
   * @throws RangeError likewise.
   */
  readonly sealHead: (head: StreamHead) => SealedHead;
  /** What opens the frames of a request whose header says `frames: "body"`. */
  readonly openFrames: () => FrameOpener;
  /** Opens and seals the single fields beside a ticket, whose header says `fields` (PROTOCOL §10). */
  readonly fields: () => FieldCipher;
  /** Seals the head of a socket's other direction (PROTOCOL §7), where the header says `frames: "socket"`. */
  readonly acceptSocket: (answer: SocketHead) => AcceptedSocket;
}

/** The facts of a response that do not follow from the request. */
interface ResponseFacts extends Pick<ResponseHeader, 'status' | 'fields'> {
  readonly early?: true | undefined;
  readonly cty?: string | undefined;
  /** Header fields that travel inside, with names in lower case. */
  readonly headers?: readonly HeaderField[] | undefined;
  /** The application's subprotocol that was selected for a socket. */
  readonly protocol?: string | undefined;
  /** Seconds since 1970. */
  readonly iat: number;
}

/** A response in one message. */
export interface PlainResponse extends ResponseFacts {
  readonly plaintext: Bytes;
  /** Whether its length is hidden (PROTOCOL §4, Padding). */
  readonly padding?: boolean;
}

/** A response whose body follows in frames. */
export interface StreamHead extends ResponseFacts {
  readonly cty: string;
  /** The body's length in bytes, where it is known. */
  readonly length?: number | undefined;
  readonly padding?: boolean;
}

export interface SealedHead {
  /** The compact JWE; on the wire a line feed follows, and then the frames. */
  readonly head: string;
  readonly frames: FrameSealer;
}

/** The content of a socket's head to the client, and the limit for the client's messages. */
export interface SocketHead extends Pick<ResponseFacts, 'protocol' | 'iat'> {
  /** Bytes of plaintext. */
  readonly limit: number;
}

/** A socket with both of its heads sealed. */
export interface AcceptedSocket {
  /** The compact JWE: the first message to the client. */
  readonly head: string;
  readonly opener: SocketOpener;
  readonly sealer: SocketSealer;
}
