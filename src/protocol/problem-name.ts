/** How to recognize the protocol's problems (RFC 9457). A client needs nothing more. */
const NAMES = [
  'handshake-required',
  'message-required',
  'message-rejected',
  'message-stale',
  'message-replayed',
  'key-rejected',
  'too-large',
  'stream-broken',
  'busy',
] as const;

export type ProblemName = (typeof NAMES)[number];

export const PROBLEM_TYPE_PREFIX = 'urn:e2e:problem:';

/** The name of the problem in a parsed body, if it is one of the protocol's. */
export function problemName(body: { readonly type?: unknown } | undefined): ProblemName | undefined {
  return NAMES.find((name) => body?.type === PROBLEM_TYPE_PREFIX + name);
}
