import {
  createServer,
  request as send,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** What is wrong with a proxy; without any of it, it passes everything on as it is. */
export interface Wrong {
  /** Answers in place of the application, before it has read the body. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Changes what it sends on. */
  readonly request?: (sent: { path: string; headers: Record<string, unknown> }) => void;
  /** Changes what it sends back. */
  readonly response?: (headers: Record<string, unknown>, status: number) => void;
  /** Changes the bytes that it sends back, all of them at once. */
  readonly body?: (bytes: Buffer, status: number) => Buffer;
  /** Reads a body to its end before the application hears of it. */
  readonly collectsRequests?: boolean;
  /** Sends a response only once it is whole. */
  readonly collectsResponses?: boolean;
  /** Cuts a response after this many milliseconds. */
  readonly cutsAfter?: number;
  /** Passes no upgrade on. */
  readonly withoutUpgrades?: boolean;
  /** Says that it speaks HTTP/1.0, as which it ends each connection with its response. */
  readonly isOld?: boolean;
  /** TLS before it, with HTTP/2 or without. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer; readonly http2: boolean };
}

/** What is for the next hop alone: of HTTP/1.1 (RFC 9110 §7.6.1) and of HTTP/2. */
const HOP = /^(:.*|connection|keep-alive|transfer-encoding|upgrade)$/;

/** A proxy that is wrong in one way, in front of one server or of several by turns. */
export class WrongProxy {
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: string,
  ) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    });
  }

  static async before(urls: readonly string[], wrong: Wrong): Promise<WrongProxy> {
    let turn = 0;
    const next = (): string => urls[turn++ % urls.length]!;
    const listener: RequestListener = (request, response) => void pass(next(), wrong, request, response);
    const { tls } = wrong;
    const options = { ...tls, allowHTTP1: true };
    const server: Server = !tls
      ? createServer(listener)
      : tls.http2
        ? createSecureServer(options, listener as never)
        : createTlsServer(options, listener);
    if (!wrong.withoutUpgrades) {
      server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
        tunnel(next(), request, socket, head),
      );
    }
    const proxy = new WrongProxy(server, tls ? 'https' : 'http');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function pass(to: string, wrong: Wrong, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  if (wrong.answer?.(request, response)) return;
  const body = wrong.collectsRequests ? await read(request).catch(() => undefined) : undefined;
  if (wrong.collectsRequests && !body) return;
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP.test(name)));
  const sent = { path: request.url ?? '/', headers: headers as Record<string, unknown> };
  wrong.request?.(sent);
  const { port } = new URL(to);
  const { method } = request;
  const out = send({ host: '127.0.0.1', port, method, path: sent.path, headers: sent.headers as never, agent: false });
  let isAnswered = false;
  // An application may answer before it has all of a body, and end the connection.
  out.on('error', () => isAnswered || response.destroy());
  out.on('response', (answer) => {
    isAnswered = true;
    void sendBack(answer, wrong, response);
  });
  if (body) out.end(body);
  else request.pipe(out);
  // It may also answer and leave the rest unread: then the rest is read here, or nothing would be read on the connection.
  response.on('finish', () => request.unpipe(out).resume());
}

async function sendBack(answer: IncomingMessage, wrong: Wrong, response: ServerResponse): Promise<void> {
  const { statusCode: status = 0 } = answer;
  const kept = Object.entries(answer.headers).filter(([name]) => !HOP.test(name));
  const headers: Record<string, unknown> = Object.fromEntries(kept);
  answer.on('error', () => response.destroy());
  if (wrong.body || wrong.collectsResponses || wrong.isOld) {
    const bytes = await read(answer).catch(() => undefined);
    if (!bytes) return;
    const changed = wrong.body?.(bytes, status) ?? bytes;
    wrong.response?.(headers, status);
    headers['content-length'] = changed.length;
    if (wrong.isOld) writeOld(response, status, headers, changed);
    else response.writeHead(status, headers as never).end(changed);
    return;
  }
  wrong.response?.(headers, status);
  response.writeHead(status, headers as never);
  response.flushHeaders();
  answer.pipe(response);
  if (wrong.cutsAfter !== undefined) setTimeout(() => response.destroy(), wrong.cutsAfter);
}

function writeOld(response: ServerResponse, status: number, headers: Record<string, unknown>, body: Buffer): void {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${String(one)}`),
  );
  const { socket } = response;
  socket?.write(`HTTP/1.0 ${status} \r\n${lines.join('\r\n')}\r\n\r\n`);
  socket?.end(body);
}

function tunnel(to: string, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const server = connect(Number(new URL(to).port), '127.0.0.1', () => {
    const fields = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      fields.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
    }
    server.write(`GET ${request.url} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`);
    server.write(head);
    socket.pipe(server).pipe(socket);
  });
  server.on('error', () => socket.destroy());
  socket.on('error', () => server.destroy());
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
