import type { IoAdapter } from '@nestjs/platform-socket.io';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { E2eProblem, PROBLEM_MEDIA_TYPE } from '../protocol/problem.js';
import { CLOSE_CODE } from '../protocol/socket.js';
import type { BeforeEnd } from '../sockets/sealed-socket.js';
import type { AdapterSupport } from '../sockets/adapter-support.js';

/** How long a client's last packets may take before its socket ends with its session. */
const LAST_WORDS_MS = 1000;

/** The types of the copy of socket.io that Nest's adapter has. */
export type Server = ReturnType<IoAdapter['createIOServer']>;
type Socket = Parameters<IoAdapter['bindClientDisconnect']>[0];

type Query = Record<string, string>;

/** A request that asks for a socket, with what engine.io reads and writes of it. */
interface UpgradeRequest extends IncomingMessage {
  _query?: Query;
  readonly websocket?: WebSocket;
}

export type AnswerPlain = (request: IncomingMessage, response: ServerResponse) => void;

/** The used part of engine.io's server, on which a server of socket.io runs, in addition to its types. */
interface Engine {
  readonly opts: { wsEngine: new (options: object) => WebSocketServer };
  /** Creates its server of the library `ws`. It does so again when the HTTP server begins to listen. */
  init(): void;
  handleUpgrade(request: UpgradeRequest, socket: Duplex, head: Buffer): void;
  handleRequest: AnswerPlain;
  on(name: 'connection', listener: (connection: Connection) => void): void;
}

/** A client's one connection, for its sockets of all namespaces. */
interface Connection extends EventEmitter {
  readonly request: UpgradeRequest;
  /** Packets that wait until earlier ones were sent. */
  readonly writeBuffer: readonly object[];
  close(): void;
}

/**
 * Makes a server of socket.io accept only sealed sockets (PROTOCOL §7). engine.io, below it, reads and writes only
 * through the sealing sockets of the library `ws` that this class provides. A socket that has no part of the library to
 * write by (`_sender`) gets broadcasts as any other message, not as frames that were encoded before.
 */
export class SealedEngine {
  /** A connection's sockets, one for each namespace. */
  readonly #sockets = new WeakMap<object, Set<Socket>>();
  readonly #connections = new WeakMap<WebSocket, Connection>();

  /** @param answerPlain handles plain HTTP at its path: there is no polling. */
  constructor(server: Server, sealer: AdapterSupport, maxPayload: number, answerPlain: AnswerPlain = refusePlain) {
    const engine = server.engine as unknown as Engine;
    const beforeEnd: BeforeEnd = (socket, cause, end) => this.#sayGoodbye(socket, cause, end);
    engine.opts.wsEngine = class extends engine.opts.wsEngine {
      constructor(options: object) {
        super({ ...options, maxPayload });
        sealer.seal(this, server, { beforeEnd });
        const upgrade = this.handleUpgrade.bind(this);
        this.handleUpgrade = (request, socket, head, callback) => {
          upgrade(request, socket, head, (opened) => takeQuery(opened, request) && callback(opened, request));
        };
      }
    };
    engine.init();

    const upgrade = engine.handleUpgrade.bind(engine);
    engine.handleUpgrade = (request, socket, head) => {
      // Its query may be sealed, so it is read after the head was accepted.
      request._query = { EIO: '4', transport: 'websocket' };
      upgrade(request, socket, head);
    };
    engine.handleRequest = answerPlain;
    engine.on('connection', (connection) => this.#watch(connection, sealer.maxBuffered));
    const note = (socket: Socket): void => this.#note(socket);
    server.on('connection', note);
    server.on('new_namespace', (namespace) => namespace.on('connection', note));
  }

  #watch(connection: Connection, maxBuffered: number): void {
    const { websocket } = connection.request;
    if (!websocket) return;
    this.#connections.set(websocket, connection);
    // engine.io passes on a packet only after the previous one was sent, so data for a slow reader waits there.
    let held = 0;
    connection.on('packetCreate', ({ data }: { data?: string | ArrayBufferView | ArrayBuffer }) => {
      held += data === undefined ? 0 : typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
      if (held + websocket.bufferedAmount > maxBuffered) websocket.terminate();
    });
    connection.on('flush', () => (held = 0));
  }

  #note(socket: Socket): void {
    const sockets = this.#sockets.get(socket.conn) ?? new Set();
    this.#sockets.set(socket.conn, sockets.add(socket));
    socket.once('disconnect', () => sockets.delete(socket));
  }

  /** A client that was disconnected in each namespace does not reconnect by itself. */
  #sayGoodbye(socket: WebSocket, cause: Parameters<BeforeEnd>[1], end: () => void): void {
    const connection = this.#connections.get(socket);
    if (cause !== 'session' || !connection) {
      end();
      return;
    }
    const thrown: unknown[] = [];
    for (const each of this.#sockets.get(connection) ?? []) {
      try {
        each.disconnect();
      } catch (error) {
        // A listener of the application threw: its socket must still be cleaned up when the connection closes.
        each.removeAllListeners('disconnecting');
        thrown.push(error);
      }
    }
    if (connection.writeBuffer.length === 0) end();
    else {
      connection.once('drain', end);
      setTimeout(end, LAST_WORDS_MS).unref();
    }
    // From now on, incoming packets and pending joins of namespaces are discarded.
    connection.close();
    if (thrown.length > 0) throw thrown[0];
  }
}

/**
 * Reads the upgrade request for engine.io. It cannot resume an earlier connection, which may be of another session.
 *
 * @returns whether engine.io may have the socket.
 */
function takeQuery(socket: WebSocket, request: UpgradeRequest): boolean {
  const [, text = ''] = /\?(.*)/.exec(request.url ?? '') ?? [];
  const query: Query = Object.assign(Object.create(null) as Query, Object.fromEntries(new URLSearchParams(text)));
  const { EIO, transport, sid } = query;
  if (EIO === '4' && transport === 'websocket' && sid === undefined) {
    request._query = query;
    return true;
  }
  socket.close(CLOSE_CODE.policyViolation, 'Only Engine.IO 4 on a new WebSocket is supported.');
  return false;
}

/** The path of a sealed server serves only its sockets. */
function refusePlain(_request: IncomingMessage, response: ServerResponse): void {
  const problem = new E2eProblem('message-required');
  response.writeHead(problem.status, {
    'Content-Type': PROBLEM_MEDIA_TYPE,
    'Cache-Control': 'no-store, no-transform',
  });
  response.end(JSON.stringify(problem));
}
