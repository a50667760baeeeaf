import type { Bytes } from '../protocol/crypto.js';
import type { CompactJwe } from '../protocol/jwe.js';
import type { RequestHeader, ResponseHeader } from '../protocol/message.js';
import type { HeaderField, Meta } from '../protocol/meta.js';
import type { FieldCipher } from './fields.js';
import type { FrameOpener, FrameSealer } from './frames.js';
import type { SocketOpener, SocketSealer } from './sockets.js';

/** A compact JWE as text, and its parts as bytes, all but the header: that is authenticated as it stands. */
export type DecodedJwe = { readonly text: string } & Pick<CompactJwe, 'protected'> &
  Readonly<Record<Exclude<keyof CompactJwe, 'protected'>, Bytes>>;

/** What a request's message says, once a channel opened it, and the way back. */
export interface Opened {
  readonly header: RequestHeader;
  /** What must not be seen outside: the query, header fields. */
  readonly meta: Meta;
  /** The body; of a head, which has none, empty. */
  readonly plaintext: Bytes;
  /** Whether this message proved possession of the device key, which is then to be stored with the channel. */
  readonly isDeviceProof: boolean;
  /** Whether this message brought the `cs` of its RSA channel, which is then to be stored with the channel. */
  readonly hasNewSecret: boolean;
  /**
   * Seals an answer to this message, in the way it was asked (PROTOCOL §4).
   *
   * @throws RangeError if its header fields do not fit into a message, or hold what no field may hold.
   */
  readonly seal: (answer: PlainResponse) => string;
  /**
   * Seals the head of an answer whose body follows in frames (PROTOCOL §6). Only to a message that came under `dir`.
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

/** What an answer says of itself, beside what follows from the request. */
interface ResponseFacts extends Pick<ResponseHeader, 'status' | 'early' | 'fields'> {
  readonly cty?: string | undefined;
  /** Header fields that travel inside, with names in lower case. */
  readonly headers?: readonly HeaderField[] | undefined;
  /** The application's subprotocol that was selected for a socket. */
  readonly protocol?: string | undefined;
  /** Seconds since 1970. */
  readonly iat: number;
}

/** An answer in one message. */
export interface PlainResponse extends ResponseFacts {
  readonly plaintext: Bytes;
  /** Whether its length is hidden (PROTOCOL §4, Padding). */
  readonly padding?: boolean;
}

/** An answer whose body follows in frames. */
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

/** What the head of a socket says to the client, and how long a message of the client's may be. */
export interface SocketHead extends Pick<ResponseFacts, 'protocol' | 'iat'> {
  /** Bytes of plaintext. */
  readonly limit: number;
}

/** A socket that both heads were sealed for. */
export interface AcceptedSocket {
  /** The compact JWE: the first message to the client. */
  readonly head: string;
  readonly opener: SocketOpener;
  readonly sealer: SocketSealer;
}
