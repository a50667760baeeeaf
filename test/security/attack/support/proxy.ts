import {
  Agent,
  createServer,
  type ClientRequest,
  request as send,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PassingSocket, type MessageRule } from './passing-socket.js';

type Headers = Record<string, string | string[] | undefined>;

/** How a body is passed on, unless it is whole and at once. */
export interface Delivery {
  /** In pieces of so many bytes, a turn of the event loop between them. */
  readonly pieceSize?: number;
  /** The connection ends in the middle of it. */
  readonly isCut?: boolean;
}

/** A request as it passes, one character for each byte of the body. */
export interface Passing {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
  readonly delivery?: Delivery;
}

/** An answer as it passes. */
export interface PassingResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  readonly delivery?: Delivery;
}

/** Sends a request on to the server: this one or another one, never or a hundred times. */
export type Forward = (request: Passing) => Promise<PassingResponse>;
/** What the proxy does with a request; whatever it returns is what the client gets. */
export type Rule = (request: Passing, forward: Forward) => PassingResponse | Promise<PassingResponse>;

/** The framing belongs to a connection, not to a message: each side gets its own. */
const FRAMING = ['connection', 'content-length', 'keep-alive', 'transfer-encoding'];

/**
 * A real HTTP proxy after the end of TLS, in the hands of an attacker: it keeps every request and answer, and does what
 * its rule says. Without a rule it is honest.
 */
export class Proxy {
  rule: Rule | undefined;
  /** Everything that the client sent, and what it got. */
  readonly seen: { readonly request: Passing; answer?: PassingResponse }[] = [];
  /** What becomes of the messages of WebSockets. */
  messageRule: MessageRule | undefined;
  /** Answers an upgrade in the server's place. */
  upgradeRule: ((request: IncomingMessage, connection: Duplex, first: Buffer) => void) | undefined;
  /** Every WebSocket that was opened through it. */
  readonly sockets: PassingSocket[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #server: Server;

  private constructor(private readonly upstream: URL) {
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
    this.#server.on('upgrade', (request: IncomingMessage, connection: Duplex, first: Buffer) => {
      connection.on('error', () => undefined);
      if (this.upgradeRule) this.upgradeRule(request, connection, first);
      else {
        PassingSocket.begin(upstream, request, connection, first, {
          rule: () => this.messageRule,
          onOpen: (socket) => this.sockets.push(socket),
        });
      }
    });
  }

  static async before(upstream: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(upstream));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All that passed, heads and bodies, and the messages of WebSockets. */
  get capture(): string {
    const messages = this.sockets.flatMap((socket) => socket.messages.map(({ data }) => data.toString('latin1')));
    const requests = this.seen.map(({ request, answer }) => `${JSON.stringify(request)}\n${JSON.stringify(answer)}`);
    return [...requests, ...messages].join('\n');
  }

  /** The last request to this path, as it passed. */
  last(path: string): Passing {
    const found = this.seen.findLast(({ request }) => request.target.startsWith(path));
    if (!found) throw new Error(`nothing passed to ${path}`);
    return found.request;
  }

  readonly forward: Forward = ({ method, target, headers, body, delivery }) =>
    new Promise((resolve, reject) => {
      const hasLength = !delivery && !(body === '' && method === 'GET');
      const length = hasLength ? Buffer.byteLength(body, 'latin1') : undefined;
      const out = send(
        {
          agent: this.#agent,
          host: this.upstream.hostname,
          port: this.upstream.port,
          method,
          path: target,
          headers: { ...unframed(headers), ...(length !== undefined && { 'content-length': length }) },
        },
        (incoming) => {
          read(incoming).then(
            (text) => resolve({ status: incoming.statusCode ?? 0, headers: unframed(incoming.headers), body: text }),
            reject,
          );
        },
      );
      out.on('error', reject);
      if (delivery) void deliver(out, body, delivery);
      else out.end(body, 'latin1');
    });

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.cut();
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '' } = incoming;
    const request: Passing = { method, target, headers: unframed(incoming.headers), body: await read(incoming) };
    const entry: (typeof this.seen)[number] = { request };
    this.seen.push(entry);
    const answer = await (this.rule ?? ((passing, forward) => forward(passing)))(request, this.forward);
    entry.answer = answer;
    const { status, headers, body, delivery } = answer;
    if (delivery) {
      response.writeHead(status, unframed(headers));
      await deliver(response, body, delivery);
    } else {
      response.writeHead(status, { ...unframed(headers), 'content-length': body.length });
      response.end(body, 'latin1');
    }
  }
}

async function deliver(
  out: ClientRequest | ServerResponse,
  body: string,
  { pieceSize = Infinity, isCut = false }: Delivery,
): Promise<void> {
  const bytes = Buffer.from(body, 'latin1');
  out.flushHeaders();
  for (let at = 0; at < bytes.length; at += pieceSize) {
    await new Promise((resolve) => out.write(bytes.subarray(at, at + pieceSize), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (isCut) out.destroy();
  else out.end();
}

function unframed(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => value !== undefined && !FRAMING.includes(name)),
  );
}

async function read(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}
