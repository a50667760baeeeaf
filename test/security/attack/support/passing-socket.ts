import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

/** Which way a message goes: up to the server, or down to the client. */
export type Way = 'up' | 'down';

export interface SocketMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
  /** Sent in fragments of so many bytes. */
  readonly fragmentSize?: number;
}

/** A message as it passes; the first of each way, number 0, is the head. */
export interface PassingMessage extends SocketMessage {
  readonly way: Way;
  readonly number: number;
  readonly socket: PassingSocket;
}

/** What goes on in place of a message. */
export type MessageRule = (message: PassingMessage) => readonly SocketMessage[];

/** A WebSocket that ends at the proxy, and begins there once more: its owner reads, changes and invents every message. */
export class PassingSocket {
  /** All that came, in its order. */
  readonly messages: PassingMessage[] = [];
  readonly #counts = { up: 0, down: 0 };

  private constructor(
    readonly target: string,
    readonly headers: IncomingHttpHeaders,
    private readonly client: WebSocket,
    private readonly server: WebSocket,
    rule: () => MessageRule | undefined,
  ) {
    for (const [way, from, to] of [
      ['up', client, server],
      ['down', server, client],
    ] as const) {
      from.on('message', (data: Buffer, isBinary) => {
        const message = { data, isBinary, way, number: this.#counts[way]++, socket: this };
        this.messages.push(message);
        for (const each of rule()?.(message) ?? [message]) this.send(way, each);
      });
      from.on('close', (code, reason) => {
        if (code === 1006) to.terminate();
        else to.close(code === 1005 ? undefined : code, code === 1005 ? undefined : reason);
      });
      from.on('error', () => to.terminate());
    }
  }

  /** Passes an upgrade on, and its refusal back. */
  static begin(
    upstream: URL,
    request: IncomingMessage,
    connection: Duplex,
    first: Buffer,
    parts: { readonly rule: () => MessageRule | undefined; readonly onOpen: (socket: PassingSocket) => void },
  ): void {
    const { cookie, 'sec-websocket-protocol': asked = '' } = request.headers;
    const target = request.url ?? '';
    const server = new WebSocket(`ws://${upstream.host}${target}`, asked.split(/, */).filter(Boolean), {
      headers: cookie === undefined ? {} : { cookie },
      perMessageDeflate: false,
    });
    server.on('error', () => connection.destroy());
    server.on('open', () => {
      const here = new WebSocketServer({ noServer: true, handleProtocols: () => server.protocol || false });
      here.handleUpgrade(request, connection, first, (client) => {
        parts.onOpen(new PassingSocket(target, request.headers, client, server, parts.rule));
      });
    });
  }

  /** Those of one way, as they came. */
  sent(way: Way): readonly PassingMessage[] {
    return this.messages.filter((message) => message.way === way);
  }

  send(way: Way, { data, isBinary, fragmentSize = data.length }: SocketMessage): void {
    const to = way === 'up' ? this.server : this.client;
    if (to.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at + fragmentSize < data.length; at += fragmentSize) {
      to.send(data.subarray(at, at + fragmentSize), { binary: isBinary, fin: false });
    }
    const rest = data.length % fragmentSize || fragmentSize;
    to.send(data.subarray(data.length - rest), { binary: isBinary });
  }

  /** The outer close, towards both ends. */
  close(code?: number, reason?: string): void {
    this.client.close(code, reason);
    this.server.close(code, reason);
  }

  cut(): void {
    this.client.terminate();
    this.server.terminate();
  }
}
