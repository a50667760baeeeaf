import type { E2eRequestInit } from '../client/call/request.js';
import type { Connection, OpenLine } from './connection.js';
import { probe, type Opened } from './probe.js';
import { prepare, type Draft, type PreparedRequest } from './request.js';
import { readResponse, type Parser, type TestRequest, type TestResponse } from './response.js';

/** A call as it is put together: its request, and how it is sent. */
export interface Delivery {
  readonly draft: Draft;
  readonly abort: AbortController;
  redirect: RequestRedirect;
  /** Whether the route is to be proven sealed. */
  isProbe: boolean;
  sealing?: NonNullable<E2eRequestInit['e2e']>;
  /** Milliseconds. */
  timeout?: number | undefined;
  parser?: Parser;
}

/** Sends the call by its connection, and reads the response. */
export async function send(connection: Connection, delivery: Delivery, call: TestRequest): Promise<TestResponse> {
  const { draft, abort, timeout, parser, isProbe } = delivery;
  const timer = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
  const signal = timer ? AbortSignal.any([abort.signal, timer]) : abort.signal;
  const prepared = await prepare(draft);
  const request = { ...prepared, init: { ...prepared.init, redirect: delivery.redirect, signal } };
  const line = await connection.open(request.path, draft.headers.get('cookie') ?? undefined);
  try {
    const { result, handshakeCookies } = await line.recorder.record(false, () =>
      isProbe ? probe(line, request) : fetchWhole(line, request, delivery),
    );
    return await readResponse({ ...result, request: call, handshakeCookies, parser });
  } catch (error) {
    if (timer?.aborted) {
      throw named('TimeoutError', 'ECONNABORTED', `Timeout of ${timeout}ms exceeded`, error, { timeout });
    }
    if (abort.signal.aborted) throw named('AbortError', 'ABORTED', 'Aborted', error);
    throw error;
  } finally {
    line.done();
  }
}

async function fetchWhole(
  { client }: OpenLine,
  { path, init }: PreparedRequest,
  { sealing }: Delivery,
): Promise<Opened> {
  const response = await client.fetch(path, { ...(init as RequestInit), ...(sealing && { e2e: sealing }) });
  return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** An error by the names that superagent's have. */
function named(name: string, code: string, message: string, cause: unknown, facts: object = {}): Error {
  return Object.assign(new Error(message, { cause }), { name, code, ...facts });
}
