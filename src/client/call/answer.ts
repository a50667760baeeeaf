import type { ProblemName } from '../../protocol/problem-name.js';
import type { Claim } from '../channel/channel.js';
import type { E2eClientError } from '../errors.js';
import type { CookieFacts } from './cookies.js';
import type { OutgoingRequest } from './outgoing.js';

/** A request that was sent, as far as its response depends on it. */
export interface SentRequest {
  readonly request: OutgoingRequest;
  readonly claim: Claim;
  /** Whether it was sent again, on a new channel. */
  readonly isCopy: boolean;
  /** For a request in fields: its message. */
  readonly ticket: string | undefined;
  readonly cookies: CookieFacts;
}

/** The response to a message: a value for the caller, or the reason why there is none. */
export type CallResult = (
  | { readonly response: Response; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: E2eClientError }
) & {
  /** Whether it was sealed, and so is from the server. */
  readonly sealed?: boolean;
  /** The protocol's problem that it is, sealed or plain. */
  readonly problem?: ProblemName | undefined;
  /** How it arrived, if that differs from `response`. */
  readonly type?: ResponseType;
  /** Where a sealed response redirects to. */
  readonly location?: string | undefined;
};
