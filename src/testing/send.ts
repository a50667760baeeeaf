import type { E2eRequestInit } from '../client/call/draft.js';
import type { Connection, OpenLine } from './connection.js';
import { probeFields } from './field-probe.js';
import { probe } from './probe.js';
import { readOpened, type Opened, type Reading } from './reading.js';
import { prepare, type Draft, type PreparedRequest } from './request.js';
import { readResponse, type TestRequest, type TestResponse } from './response.js';

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
  readonly reading: Reading;
}

/** Sends the call by its connection, and reads the response. */
export async function send(connection: Connection, delivery: Delivery, call: TestRequest): Promise<TestResponse> {
  const { draft, abort, timeout, isProbe } = delivery;
  const timer = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
  const signal = timer ? AbortSignal.any([abort.signal, timer]) : abort.signal;
  const prepared = await prepare(draft);
  const request = { ...prepared, init: { ...prepared.init, redirect: delivery.redirect, signal } };
  const line = await connection.open(request.path, draft.headers.get('cookie') ?? undefined);
  try {
    const { result, handshakeCookies } = await line.recorder.record(false, () =>
      isProbe ? prove(line, request, delivery) : fetchSealed(line, request, delivery),
    );
    return readResponse({ ...result, request: call, handshakeCookies });
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

function prove(line: OpenLine, request: PreparedRequest, { sealing, reading }: Delivery): Promise<Opened> {
  const isInFields = sealing?.fields ?? sealing?.answerFields;
  return isInFields ? probeFields(line, request, { fields: [], ...sealing }, reading) : probe(line, request, reading);
}

async function fetchSealed(
  { client }: OpenLine,
  { path, init }: PreparedRequest,
  { sealing, reading }: Delivery,
): Promise<Opened> {
  const response = await client.fetch(path, { ...(init as RequestInit), ...(sealing && { e2e: sealing }) });
  return readOpened(response, reading);
}

/** An error by the names that superagent's have. */
function named(name: string, code: string, message: string, cause: unknown, facts: object = {}): Error {
  return Object.assign(new Error(message, { cause }), { name, code, ...facts });
}
