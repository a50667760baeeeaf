import { essence } from '../../protocol/media-type.js';
import { discard, readPieces } from '../call/bytes.js';
import { E2eClientError, failure, type E2eClientErrorCode } from '../errors.js';
import { isA } from '../runtime.js';
import type { EventSourceControls } from './controls.js';
import { EventParser } from './parser.js';

const EVENT_STREAM = 'text/event-stream';
/** The wait before a new connection, in milliseconds, unless the stream has a `retry`. It doubles with each failure. */
const RECONNECTION_TIME = 2000;
/** The shortest wait after a failure, so that a `retry` of 0 does not make every client knock at a server that is down. */
const MIN_WAIT = 100;
/** The longest wait after a failure, except for a longer `retry`. */
const MAX_WAIT = 60_000;
/** A timer for longer runs at once. */
const MAX_TIMER = 2 ** 31 - 1;
/** The random part of a wait, so that the clients of a restarted server do not all connect at once. */
const JITTER = 0.25;

/** What a header field inside a message can carry (PROTOCOL §4), except for its length. */
const FIELD_VALUE = /^[\t -~]*$/;

/** Errors that another connection does not fix. All others may be the network, or a restarting server. */
const FINAL: ReadonlySet<E2eClientErrorCode> = new Set([
  'invalid-option',
  'runtime-unsupported',
  'engine-unsupported',
  'request-unsupported',
  'body-failed',
  'handshake-rejected',
  'identity-rejected',
  'no-event-stream',
  'answer-too-large',
  'redirect-refused',
  'session-changed',
  'closed',
]);

/** Connects until the event source is closed, each time with a new sealed request (HTML §9.2.3). */
export async function connect(controls: EventSourceControls): Promise<void> {
  const { source, closing } = controls;
  let reconnectionTime = RECONNECTION_TIME;
  let failures = 0;
  const opened = () => {
    failures = 0;
    source.readyState = 1;
    source.dispatchEvent(new Event('open'));
  };
  if (!controls.sealsEventId) controls.end(await failure('invalid-option', 'eventId'));
  if (isStream(controls.init.body)) controls.end(await failure('request-unsupported', 'eventBody'));
  while (!isClosed(controls)) {
    const error = await readOnce(controls, opened, (time) => (reconnectionTime = time)).catch(
      (thrown: unknown) => thrown,
    );
    if (isClosed(controls)) return;
    if (isFinal(error)) {
      const isOnPurpose = error instanceof E2eClientError && error.code === 'no-event-stream' && error.status === 204;
      controls.end(error, isOnPurpose);
      return;
    }
    source.readyState = 0;
    source.dispatchEvent(Object.assign(new Event('error'), { error }));
    const wait =
      error === undefined
        ? reconnectionTime
        : Math.min(Math.max(reconnectionTime, MIN_WAIT) * 2 ** failures++, Math.max(reconnectionTime, MAX_WAIT));
    await sleep(Math.min(wait * (1 + JITTER * Math.random()), MAX_TIMER), closing);
  }
}

/** One connection, until it ends; throws if it fails. */
async function readOnce(
  controls: EventSourceControls,
  opened: () => void,
  setReconnectionTime: (milliseconds: number) => void,
): Promise<void> {
  const { source, init, url, fetch, limit, closing } = controls;
  const headers = new Headers(init.headers);
  if (!headers.has('accept')) headers.set('accept', EVENT_STREAM);
  // Headers would throw a TypeError, as for a network failure.
  if (!FIELD_VALUE.test(source.lastEventId)) throw await failure('request-unsupported', 'oddEventId');
  if (source.lastEventId) headers.set('last-event-id', source.lastEventId);
  else headers.delete('last-event-id');
  const response = await fetch(url, { ...init, headers, signal: closing });
  const { status } = response;
  const type = response.headers.get('content-type') ?? '';
  if (status !== 200 || essence(type) !== EVENT_STREAM) {
    discard(response);
    throw await failure('no-event-stream', 'noEvents', { method: init.method ?? 'GET', url: url.href, status, type });
  }
  opened();
  const parser = new EventParser(source.lastEventId, limit);
  const { origin } = new URL(response.url);
  const { pieces, cancel } = readPieces(response);
  try {
    for await (const piece of pieces) {
      for (const { type, data, lastEventId } of parser.push(piece)) {
        source.lastEventId = lastEventId;
        await controls.deliver(new MessageEvent(type, { data, lastEventId, origin }));
        if (isClosed(controls)) return;
      }
      source.lastEventId = parser.lastEventId;
      if (parser.retry !== undefined) setReconnectionTime(parser.retry);
    }
  } catch (error) {
    throw error instanceof RangeError ? await failure('answer-too-large', 'longEvent', { limit }) : error;
  } finally {
    cancel();
  }
}

function isFinal(error: unknown): boolean {
  if (!(error instanceof E2eClientError)) return false;
  return FINAL.has(error.code) || error.problem === 'key-rejected' || error.problem === 'message-rejected';
}

function isClosed({ closing }: EventSourceControls): boolean {
  return closing.aborted;
}

function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || isA('Blob', body)) return false;
  return isA('ReadableStream', body) || Symbol.asyncIterator in body;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(wake, milliseconds);
    function wake(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    }
    signal.addEventListener('abort', wake);
  });
}
