import type { Claim, MessageBinding } from '../channel/channel.js';
import type { Upload } from '../upload/upload.js';
import type { BodySource } from '../upload/source.js';
import type { E2eProgress, RequestDraft } from './draft.js';

/** A request as the caller passed it, read once. Each copy that is sent is sealed from this. */
export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** `undefined` if it is empty, which is the same as no body in HTTP. */
  readonly body: Uint8Array<ArrayBuffer> | BodySource | undefined;
  readonly mediaType: string | undefined;
  readonly sealed: boolean;
  readonly plainAnswer: boolean;
  /** The call's own options. */
  readonly e2e: RequestDraft['e2e'];
  readonly onProgress: ((progress: E2eProgress) => void) | undefined;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal | undefined;
  /** The rest of `init`, for `fetch`. */
  readonly init: RequestInit;
}

/** A request whose message is not sealed yet. */
export interface PreparedRequest {
  readonly request: OutgoingRequest;
  readonly claim: Claim;
  readonly url: URL;
  /** What is sent, with the plain body. */
  readonly init: WireRequest['init'];
  readonly binding: MessageBinding;
  /** The meta object's JSON; empty if there is none. */
  readonly meta: Uint8Array;
  readonly progress: (loaded: number, total: number | undefined) => void;
}

/** The form of the request on the wire: one message, in the body or a header (PROTOCOL §4), or frames (§6). */
export interface WireRequest {
  readonly url: URL;
  readonly init: RequestInit & { headers: Headers };
  /** Sends the body if it travels in frames. */
  readonly upload?: Upload;
  /** For a request in fields: its message. */
  readonly ticket?: string;
}
