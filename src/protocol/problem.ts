import { PROBLEM_TYPE_PREFIX, type ProblemName } from './problem-name.js';

export { PROBLEM_MEDIA_TYPE } from './media-type.js';
export { PROBLEM_TYPE_PREFIX, problemName, type ProblemName } from './problem-name.js';

/**
 * Problems (RFC 9457) that the protocol knows, their statuses, and the error that carries one.
 * In the clear up to and including the check of a message's binding; sealed from then on.
 */
export const PROBLEMS = {
  'handshake-required': { status: 428, title: 'The channel is unknown here. Make a new handshake.' },
  'message-required': { status: 415, title: 'This route accepts only sealed requests. Call it with the client.' },
  'message-rejected': { status: 400, title: 'The message was rejected.' },
  'message-stale': { status: 400, title: 'The message is too old, or from the future.' },
  'message-replayed': { status: 409, title: 'The message was seen before.' },
  'key-rejected': { status: 422, title: 'The key was rejected.' },
  'too-large': { status: 413, title: 'Too large.' },
  'stream-broken': { status: 400, title: 'The body did not end correctly.' },
  busy: { status: 503, title: 'Busy: try again later.' },
} as const satisfies Record<ProblemName, { status: number; title: string }>;

/** The JSON body of a problem. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
}

/** The step of PROTOCOL §5 at which a request was rejected: for the operator, never on the wire. */
export type RefusalStep =
  | 'format'
  | 'placement'
  | 'cookie'
  | 'channel'
  | 'decryption'
  | 'binding'
  | 'headers'
  | 'field'
  | 'time'
  | 'window'
  | 'again';

/**
 * A refusal. `code` is one of the protocol's problem names. The other end learns nothing else about the cause.
 *
 * @example
 * try {
 *   await app.get(KeyService).open(request, message, { method: 'POST', target: '/notes', idem: undefined });
 * } catch (error) {
 *   if (error instanceof E2eProblem) report([error.code, error.step]);
 * }
 */
export class E2eProblem extends Error {
  override readonly name = 'E2eProblem';
  readonly code: ProblemName;
  readonly status: number;
  /** Which rule was broken: only for `key-rejected` and `too-large`, where it reveals nothing to an attacker. */
  readonly detail: string | undefined;
  /** Seconds after which to try again; `busy` only. */
  readonly retryAfter: number | undefined;
  /** Not on the wire. */
  readonly step: RefusalStep | undefined;

  constructor(code: ProblemName, options: { detail?: string; retryAfter?: number; step?: RefusalStep } = {}) {
    super(options.detail ?? PROBLEMS[code].title);
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.detail = options.detail;
    this.step = options.step;
    this.retryAfter = code === 'busy' ? (options.retryAfter ?? 1) : undefined;
  }

  toJSON(): ProblemDetails {
    const { title, status } = PROBLEMS[this.code];
    return {
      type: PROBLEM_TYPE_PREFIX + this.code,
      title,
      status,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
    };
  }
}

/** The error for content over a limit, in bytes. */
export function tooLarge(limit: number): E2eProblem {
  return new E2eProblem('too-large', { detail: `at most ${limit} bytes` });
}
