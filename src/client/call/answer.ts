import type { ProblemName } from '../../protocol/problem-name.js';
import type { E2eClientError } from '../errors.js';

/** What came back for a message: something for the caller, or why there is nothing. */
export type CallResult = (
  | { readonly response: Response; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: E2eClientError }
) & {
  /** Whether it came sealed, and so from the server itself. */
  readonly sealed?: boolean;
  /** The protocol's problem that it is, sealed or plain. */
  readonly problem?: ProblemName | undefined;
  /** How it came, where that is not what `response` says. */
  readonly type?: ResponseType;
  /** Where a sealed response redirects to. */
  readonly location?: string | undefined;
};
