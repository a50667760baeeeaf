import { abort } from '../abort.js';
import { utf8 } from '../../protocol/json.js';
import { MAX_REASON_BYTES } from '../../protocol/socket.js';
import { E2eClientError } from '../errors.js';
import type { OwnSocket } from './own-socket.js';

/**
 * The state of a socket before it is open. The page may close it at any time: the signal reports that, and the page
 * sees the events of a failed connection.
 */
export function prepare(socket: OwnSocket): AbortSignal {
  socket.protocol = socket.extensions = '';
  for (const type of ['open', 'message', 'error', 'close'] as const) addHandler(socket, type);
  const closing = new AbortController();
  const leave = () => abort(closing, new E2eClientError('closed', 'The socket was closed before it was open.'));
  if (socket.readyState === 2) leave();
  socket.close = (code, reason) => {
    checkEnd(code, reason);
    socket.readyState ||= 2;
    leave();
  };
  return closing.signal;
}

/** @throws DOMException as a browser does. */
export function checkEnd(code = 1000, reason = ''): void {
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException('The code must be 1000, or between 3000 and 4999.', 'InvalidAccessError');
  }
  if (utf8(reason).length > MAX_REASON_BYTES) {
    throw new DOMException(`The reason is longer than ${MAX_REASON_BYTES} bytes.`, 'SyntaxError');
  }
}

/** A handler keeps the position among the listeners at which it was first set (the HTML standard, §8.1.8.1). */
function addHandler(socket: OwnSocket, type: 'open' | 'message' | 'error' | 'close'): void {
  type Handler = ((event: Event) => unknown) | null;
  const name = `on${type}` as const;
  const early = socket[name];
  let handler: Handler = null;
  const listener = (event: Event) => handler?.call(socket, event);
  Object.defineProperty(socket, name, {
    get: () => handler,
    set(given: unknown) {
      handler = typeof given === 'function' ? (given as Handler) : null;
      socket[handler ? 'addEventListener' : 'removeEventListener'](type, listener);
    },
  });
  Object.assign(socket, { [name]: early });
}
