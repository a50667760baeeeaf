import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createE2eClient } from '../client/lazy.js';
import { E2eClientError } from '../client/errors.js';
import type { WebSocketClass } from '../client/options.js';
import type { E2eWebSocket } from '../client/socket/own-socket.js';
import { CLOSE_CODE } from '../protocol/socket.js';
import { deadlineIn, lateness, type Deadline } from './deadline.js';
import { readConnection, type ConnectRequest } from './request.js';
import { EXIT, harmless, painter, UsageError, type Terminal } from './terminal.js';
import { tapSockets } from './socket-tap.js';
import { openCookieFile, recordingFetch } from './wire.js';

/** `connect URL`: a sealed socket. Each line of standard input is a message, each message to us a line of the output. */
export async function connect(args: string[], terminal: Terminal): Promise<number> {
  const request = readConnection(args);
  const cookies = await openCookieFile(request.cookieJar);
  const { url, path, keyKind, identityKeys, verbose } = request;
  const paint = painter(terminal, 'err');
  const tap = tapSockets(webSocketClass(), {
    cookies,
    show: (arrow, wire, plain = '(nothing of the application’s)') => {
      if (!verbose) return;
      terminal.err(`${paint('bold', arrow)} ${paint('green', harmless(plain))}\n  ${paint('red', harmless(wire))}\n`);
    },
  });
  const client = createE2eClientOf(() =>
    createE2eClient({
      baseUrl: url.origin,
      path,
      keyKind,
      ...(identityKeys.length > 0 && { identityKeys }),
      cookies: !cookies,
      fetch: recordingFetch([], cookies, false),
      webSocket: tap.WebSocket,
    }),
  );
  const deadline = deadlineIn(request.timeout);
  try {
    const { kid, kind, expiresAt } = await client.handshake({ signal: deadline.signal });
    cookies?.save();
    if (verbose) terminal.err(`Channel ${paint('cyan', kid)}, ${kind}, until ${expiresAt.toISOString()}\n`);
    const socket = client.webSocket(url, request.protocols);
    socket.binaryType = 'arraybuffer';
    return await talk(socket, request, terminal, tap, deadline);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return fail(terminal, error, request);
  } finally {
    deadline.clear();
    client.close();
  }
}

/** Runs until either side closes; returns the exit code for the close. */
function talk(
  socket: E2eWebSocket,
  request: ConnectRequest,
  terminal: Terminal,
  tap: ReturnType<typeof tapSockets>,
  { signal, clear }: Deadline,
): Promise<number> {
  return new Promise((resolve) => {
    const input = terminal.input();
    const lines = createInterface({ input: input instanceof Readable ? input : Readable.from(input) });
    lines.pause();
    let leaving: ReturnType<typeof setTimeout> | undefined;
    let failure: unknown;
    const late = () => {
      failure = signal.reason;
      socket.close();
    };
    if (signal.aborted) late();
    else signal.addEventListener('abort', late);
    // What was asked last is to be answered still.
    const leave = () => {
      clearTimeout(leaving);
      leaving = setTimeout(() => socket.close(CLOSE_CODE.normal), request.wait);
    };
    let isEnded = false;
    let isOpen = false;
    lines.on('line', (line) => {
      tap.sent.push(line);
      socket.send(line);
    });
    lines.on('close', () => {
      isEnded = true;
      if (isOpen) leave();
    });
    socket.onopen = () => {
      clear();
      isOpen = true;
      if (socket.protocol) terminal.err(`subprotocol: ${harmless(socket.protocol)}\n`);
      if (isEnded) leave();
      else lines.resume();
    };
    socket.onmessage = ({ data }) => {
      const text =
        typeof data === 'string' ? data : `(${(data as ArrayBuffer).byteLength} bytes) ${hex(data as ArrayBuffer)}`;
      tap.received(text);
      void terminal.out(`${terminal.isTerminal.out ? harmless(text) : text}\n`);
      if (isEnded) leave();
    };
    socket.onerror = ({ error }) => (failure ??= error);
    socket.onclose = ({ code, reason }) => {
      clearTimeout(leaving);
      lines.removeAllListeners();
      lines.close();
      if (failure) resolve(fail(terminal, failure, request));
      else {
        terminal.err(`closed: ${code}${reason && ` ${harmless(reason)}`}\n`);
        resolve(exitOf(code));
      }
    };
  });
}

/** 4000 and an HTTP status, as the protocol's own codes are; 1006 is a connection that was cut. */
function exitOf(code: number): number {
  if (code >= 4400 && code < 4500) return EXIT.refused;
  if (code === CLOSE_CODE.failed || (code >= 4500 && code < 4600)) return EXIT.broken;
  return code === CLOSE_CODE.abnormal ? EXIT.failed : EXIT.ok;
}

function fail(terminal: Terminal, error: unknown, { url, timeout }: ConnectRequest): number {
  const paint = painter(terminal, 'err');
  const { name, message, cause } = error as Error & { cause?: { message?: string } };
  const isLate = name === 'TimeoutError';
  const code = error instanceof E2eClientError ? error.code : isLate ? 'timeout' : 'no-connection';
  const why = isLate ? lateness(timeout) : harmless(cause?.message ?? message);
  terminal.err(`${paint('red', code)}: ${why} (${url.origin})\n`);
  return EXIT.failed;
}

/** An option that the client does not take is one of the command line. */
function createE2eClientOf<T>(create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (error instanceof E2eClientError) throw new UsageError(error.message);
    throw error;
  }
}

/** That of the package `ws` in this folder, which every application under `E2eWsAdapter` has, or the one of this Node. */
export function webSocketClass(): WebSocketClass {
  try {
    const require = createRequire(join(process.cwd(), 'package.json'));
    return (require('ws') as { WebSocket: WebSocketClass }).WebSocket;
  } catch {
    const { WebSocket } = globalThis as { WebSocket?: WebSocketClass };
    if (WebSocket) return WebSocket;
    throw new UsageError(
      'this Node has no WebSocket: install the package "ws" in this folder, or use Node 22 or later',
    );
  }
}

function hex(data: ArrayBuffer): string {
  return Buffer.from(data, 0, Math.min(data.byteLength, 64)).toString('hex') + (data.byteLength > 64 ? '…' : '');
}
