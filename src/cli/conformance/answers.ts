import type { Bytes } from '../../protocol/crypto.js';

/** A response as it goes over the wire. */
export interface RawAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Bytes;
  /** Whether the connection is cut after the body, instead of ending in order. */
  readonly isCut?: boolean;
}

export const JOSE = { 'content-type': 'application/jose', 'cache-control': 'no-store, no-transform' };
export const STREAM = { ...JOSE, 'content-type': 'application/vnd.e2e.stream' };

/** One of the protocol's problems (PROTOCOL §8). */
export function problemBody(status: number, name: string): string {
  return JSON.stringify({ type: `urn:e2e:problem:${name}`, title: name, status });
}

/** The same in the clear. */
export function plainProblem(status: number, name: string): RawAnswer {
  return { status, headers: { 'content-type': 'application/problem+json' }, body: problemBody(status, name) };
}
