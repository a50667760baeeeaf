import type { WebSocketClass } from '../client/options.js';
import type { CookieFile } from './cookie-file.js';

/** What is used of a WebSocket class here. */
interface TappedSocket {
  send(data: string | Uint8Array): void;
  addEventListener(type: 'message', listener: (event: { readonly data: string | ArrayBuffer }) => void): void;
}

export interface SocketTap {
  /** To be given to the client. */
  readonly WebSocket: WebSocketClass;
  /** What the application sends, in its order: each belongs to the next message that leaves. */
  readonly sent: string[];
  /** Called with each message that was opened: it belongs to the first that came in and was not shown yet. */
  readonly received: (plain: string) => void;
}

interface TapOptions {
  readonly cookies: CookieFile | undefined;
  /** @param plain what the message says, where it is one of the application's. */
  readonly show: (arrow: '>' | '<', wire: string, plain?: string) => void;
}

/** A WebSocket class that sees what goes over the wire, and sends the cookies of a file. */
export function tapSockets(Class: WebSocketClass, { cookies, show }: TapOptions): SocketTap {
  const sent: string[] = [];
  const incoming: string[] = [];
  const Base = Class as unknown as new (...given: unknown[]) => TappedSocket;
  class Tapped extends Base {
    constructor(url: string, protocols: string[], ...more: unknown[]) {
      const cookie = cookies?.header(new URL(url.replace(/^ws/, 'http')));
      const isGlobal = (globalThis as { WebSocket?: unknown }).WebSocket === Class;
      const headers = { headers: { cookie } };
      if (!cookie) super(url, protocols, ...more);
      else if (isGlobal) super(url, { protocols, ...headers });
      else super(url, protocols, headers);
      this.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') show('<', wireText(data), 'the server’s head, or its refusal');
        else if (isEnd(data)) show('<', wireText(data), 'the end');
        else incoming.push(wireText(data));
      });
    }

    override send(data: string | Uint8Array): void {
      if (typeof data === 'string') show('>', wireText(data), 'the head');
      else show('>', wireText(data), isEnd(data) ? 'the end' : sent.shift());
      super.send(data);
    }
  }
  return {
    WebSocket: Tapped,
    sent,
    received: (plain) => show('<', incoming.shift() ?? '', plain),
  };
}

/** The kind of a message stands in its first byte (PROTOCOL §7). */
function isEnd(data: Uint8Array | ArrayBuffer): boolean {
  return [1, 2].includes(new Uint8Array(data instanceof ArrayBuffer ? data : data.slice(0, 1))[0] ?? 0);
}

function wireText(data: string | Uint8Array | ArrayBuffer): string {
  if (typeof data === 'string') return data.length > 200 ? `${data.slice(0, 200)}… (${data.length} characters)` : data;
  const bytes = Buffer.from(data as Uint8Array);
  return `${bytes.subarray(0, 64).toString('hex')}${bytes.length > 64 ? '…' : ''} (${bytes.length} bytes)`;
}
