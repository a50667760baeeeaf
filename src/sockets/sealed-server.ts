import { Logger } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { SocketRefusal, type OpenedSocket, type SocketAdmission } from '../nest/exchange/socket-admission.js';
import { RateLimitedLogger } from '../nest/request/rate-limited-logger.js';
import { refuseUpgrade } from '../nest/request/refuse-upgrade.js';
import { E2eProblem } from '../protocol/problem.js';
import { SOCKET_SUBPROTOCOL } from '../protocol/socket.js';
import { sealedSocketClass, type BeforeEnd, type SealedSocketClass, type LibrarySocketClass } from './sealed-socket.js';
import type { LinkLimits } from './socket-link.js';
import type { ReceivedMessage, WaitingSockets } from './waiting-sockets.js';

/** Gives a request its session, in place of the application's own middleware. */
export type ReadSession = (request: IncomingMessage) => Promise<void>;

/**
 * Selects one of the client's subprotocols; the empty string for none.
 *
 * @throws SocketRefusal
 */
type SelectProtocol = (request: IncomingMessage, opened: OpenedSocket) => Promise<string>;

export interface SealedServerParts {
  readonly sockets: SocketAdmission;
  readonly waiting: WaitingSockets;
  readonly limits: LinkLimits;
  readonly readSession: ReadSession | undefined;
  /** By default it does nothing. */
  readonly beforeEnd?: BeforeEnd | undefined;
  /** By default the server's own choice. */
  readonly select?: SelectProtocol | undefined;
}

/** The used part of a server of the library that its types lack: its options. */
interface LibraryServer extends Omit<WebSocketServer, 'clients' | 'options'> {
  /** Missing if the server was told not to list them. */
  readonly clients?: Set<WebSocket>;
  options: WebSocketServer['options'] & {
    WebSocket: LibrarySocketClass;
    handleProtocols?: ((protocols: Set<string>, request: IncomingMessage) => string | false) | null;
  };
}

/** How long a rejected socket may take to close. */
const REFUSED_MS = 1000;
/** The response to an upgrade without a sealed socket. */
const SEALED_ONLY = `This path takes sealed sockets only: ask for the subprotocol "${SOCKET_SUBPROTOCOL}" and no other.`;

const endAtOnce: BeforeEnd = (_socket, _cause, end) => {
  end();
};

type Callback = (socket: WebSocket, request: IncomingMessage) => void;

/**
 * Makes a server of the library `ws` accept only sealed sockets (PROTOCOL §7). It passes on, and lists as its clients,
 * only sealed sockets with accepted heads. The application does not see them before.
 */
export class SealedServer {
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));
  readonly #server: LibraryServer;
  readonly #Socket: SealedSocketClass;
  readonly #select: SelectProtocol;

  constructor(
    server: WebSocketServer,
    private readonly parts: SealedServerParts,
  ) {
    this.#server = server as unknown as LibraryServer;
    const { options } = this.#server;
    const { handleProtocols } = options;
    this.#select =
      parts.select ?? selectBy(handleProtocols ?? ((protocols) => protocols.values().next().value ?? false));
    options.handleProtocols = () => SOCKET_SUBPROTOCOL;
    this.#Socket = sealedSocketClass(options.WebSocket, options);
    const upgrade = server.handleUpgrade.bind(server);
    server.handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, callback: Callback) => {
      if (request.headers['sec-websocket-protocol']?.trim() !== SOCKET_SUBPROTOCOL) refuseUpgrade(socket, SEALED_ONLY);
      else upgrade(request, socket, head, (raw) => void this.#enter(raw, socket, request, callback));
    };
  }

  async #enter(raw: WebSocket, connection: Duplex, request: IncomingMessage, callback: Callback): Promise<void> {
    this.#server.clients?.delete(raw);
    raw.on('error', () => undefined);
    const { first, leave } = this.parts.waiting.add(raw, connection, request.socket.remoteAddress ?? '');
    try {
      const opened = await this.#open(request, await first);
      if (!opened || isGone(raw)) return;
      const protocol = await this.#select(request, opened);
      if (isGone(raw)) return;
      const socket = this.#accept(raw, opened, protocol, leave());
      callback(socket, request);
      // The library engine.io listens a moment later.
      await Promise.resolve();
      this.#Socket.begin(socket);
    } catch (error) {
      leave();
      if (error instanceof SocketRefusal) refuse(raw, connection, error);
      else {
        // Its cause may contain plaintext.
        this.#log.say('error', 'A socket could not be accepted, and was closed.');
        raw.terminate();
      }
    }
  }

  async #open(
    request: IncomingMessage,
    first: Awaited<ReturnType<WaitingSockets['add']>['first']>,
  ): Promise<OpenedSocket | undefined> {
    const { sockets, readSession } = this.parts;
    if (first === 'gone') return undefined;
    if (first === 'crowded') throw sockets.refuse(request, new E2eProblem('busy'));
    if (first === 'long') throw sockets.refuse(request, new E2eProblem('message-rejected', { step: 'format' }));
    if (first === 'late' || first.isBinary) throw sockets.refuse(request, new E2eProblem('message-required'));
    return sockets.open(request, first.data.toString('latin1'), readSession);
  }

  #accept(raw: WebSocket, opened: OpenedSocket, selected: string, early: readonly ReceivedMessage[]): WebSocket {
    const protocol = selected === '' ? undefined : selected;
    const accepted = opened.accept(protocol);
    raw.send(accepted.head, { compress: false });
    const { clients } = this.#server;
    const { limits, beforeEnd = endAtOnce } = this.parts;
    const socket = new this.#Socket(accepted, { raw, opened, protocol, limits, beforeEnd, early });
    clients?.add(socket);
    // Before the library checks whether its last socket has closed.
    raw.prependListener('close', () => clients?.delete(socket));
    return socket;
  }
}

/** As in the library: only if the client named any. */
function selectBy(select: (protocols: Set<string>, request: IncomingMessage) => string | false): SelectProtocol {
  return (request, { protocols }) =>
    Promise.resolve(protocols.length > 0 ? select(new Set(protocols), request) || '' : '');
}

function isGone(raw: WebSocket): boolean {
  return raw.readyState !== raw.OPEN;
}

/** Sends the reason, and closes. Further data is discarded. */
function refuse(raw: WebSocket, connection: Duplex, { text, code }: SocketRefusal): void {
  if (isGone(raw)) return;
  raw.send(text, { compress: false });
  raw.close(code);
  connection.removeAllListeners('data').resume().end();
  // The library would give it 30 s.
  const timer = setTimeout(() => raw.terminate(), REFUSED_MS).unref();
  raw.once('close', () => clearTimeout(timer));
}
