import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { SOCKET_PATIENCE_MS } from '../protocol/socket.js';
import { createDuplexPair } from './duplex-pair.js';

/** Why the application did not let a socket in. */
export class InnerRefusal extends Error {
  override readonly name = 'InnerRefusal';

  /** @param status of its response to the upgrade. */
  constructor(
    readonly status: number,
    readonly mediaType: string | undefined,
    readonly body: Buffer,
  ) {
    super('the application refused the socket');
  }
}

const KEY = /^sec-websocket-key: *(\S+)/im;
const MAX_REFUSAL_BYTES = 65_536;

/**
 * Asks the application for a socket over a connection within the process, by the library that it has for them, whichever
 * that is. It gets the client's own request, with the application's subprotocols in place of ours. The socket ends with the
 * client's connection.
 *
 * @param passOn emits the upgrade to the listeners of the HTTP server.
 * @throws InnerRefusal, or Error where the application throws, or does not answer in time, or answers with no upgrade.
 */
export async function openInnerSocket(
  request: IncomingMessage,
  protocols: readonly string[],
  passOn: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<WebSocket> {
  const [own, theirs] = createDuplexPair();
  void readHead(theirs)
    .then((head) => {
      if (theirs.destroyed) return;
      // What the application writes to the request's socket must not reach the network in the clear.
      shadow(request, theirs);
      describe(request, KEY.exec(head)?.[1] ?? '', protocols);
      passOn(request, theirs, Buffer.alloc(0));
    })
    // A listener of the application threw.
    .catch(() => own.destroy());
  // Pings and pongs go through to the client and back.
  const options = { perMessageDeflate: false, autoPong: false };
  const socket = new WebSocket('ws://localhost', [...protocols], { ...options, createConnection: () => own as never });
  const { socket: outer } = request;
  const end = (): void => socket.terminate();
  outer.once('close', end);
  socket.once('close', () => outer.off('close', end));
  // The library's own timer is that of a real connection.
  const timer = setTimeout(end, SOCKET_PATIENCE_MS).unref();
  try {
    const opened = answered(socket);
    // Its connection may have gone before.
    if (outer.destroyed) end();
    return await opened;
  } catch (error) {
    own.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What the application makes of it. */
function answered(socket: WebSocket): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      // Nothing of it is lost until it is listened to.
      socket.pause();
      resolve(socket);
    });
    // Its close says all that is to be known once it was open.
    socket.on('error', reject);
    socket.once('unexpected-response', (_, response) => {
      const status = response.statusCode ?? 500;
      void collect(response).then((body) => {
        const isRefusal = status >= 400 && status <= 599;
        reject(new InnerRefusal(isRefusal ? status : 500, response.headers['content-type'], body));
      });
    });
  });
}

/** What an application reads off a connection to know whose it is: addresses, and what TLS says. */
const FACTS = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'encrypted',
  'authorized',
  'authorizationError',
] as const;
const TLS_METHODS = ['getPeerCertificate', 'getPeerX509Certificate', 'getProtocol', 'getCipher'] as const;

/** Puts the connection within the process in place of the client's, whose facts it shows. */
function shadow(request: IncomingMessage, inner: Duplex): void {
  const outer = request.socket as unknown as TLSSocket;
  for (const name of FACTS) Object.defineProperty(inner, name, { get: () => outer[name], configurable: true });
  for (const name of TLS_METHODS) {
    if (typeof outer[name] === 'function') Object.defineProperty(inner, name, { value: outer[name].bind(outer) });
  }
  const shown = inner as unknown as Socket;
  // `connection` reads `socket`; `client` is a field of its own, which Node.js sets and does not document.
  Object.assign(request, { socket: shown, client: shown });
}

/** The head of the request that the library writes, which the application gets as an object. */
function readHead(socket: Duplex): Promise<string> {
  return new Promise((resolve) => {
    let head = '';
    const take = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      // Not paused, since the library would not go on reading: nothing more comes before it has answered.
      socket.off('data', take);
      resolve(head);
    };
    socket.on('data', take);
  });
}

/** What the application reads off the request: the key of the socket within the process, and its own subprotocols. */
function describe({ headers, rawHeaders }: IncomingMessage, key: string, protocols: readonly string[]): void {
  headers['sec-websocket-key'] = key;
  if (protocols.length > 0) headers['sec-websocket-protocol'] = protocols.join(', ');
  else delete headers['sec-websocket-protocol'];
  delete headers['sec-websocket-extensions'];
  for (let index = rawHeaders.length - 2; index >= 0; index -= 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!/^sec-websocket-(key|protocol|extensions)$/.test(name)) continue;
    const value = headers[name];
    if (value === undefined) rawHeaders.splice(index, 2);
    else rawHeaders[index + 1] = String(value);
  }
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_REFUSAL_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    // Cut off: what has come of it says enough.
  }
  return Buffer.concat(chunks);
}
