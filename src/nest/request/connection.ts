import type { EventEmitter } from 'node:events';
import { rawRequest } from './exchange-state.js';

/** Runs a task with a signal that aborts when the request's connection ends. */
export async function whileConnected<T>(request: object, task: (gone: AbortSignal) => Promise<T>): Promise<T> {
  const raw = rawRequest(request) as {
    stream?: EventEmitter;
    socket?: (EventEmitter & { destroyed?: boolean }) | null;
  };
  // Over HTTP/2 a client cancels one request by ending its stream. Injected requests may have neither.
  const connection = raw.stream ?? raw.socket;
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  if (raw.socket?.destroyed) gone.abort();
  connection?.once('close', onClose);
  try {
    return await task(gone.signal);
  } finally {
    connection?.off('close', onClose);
  }
}
