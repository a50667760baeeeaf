import type { WebSocketClass } from '../client/options.js';
import { socketArguments } from '../client/socket/arguments.js';
import { SOCKET_KIND } from '../protocol/socket.js';
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
  /** @param plain the message's content, if it is one of the application's. */
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
      // Without a file the client keeps the cookies, and has given them.
      super(url, ...(cookie ? socketArguments(Class, protocols, cookie) : [protocols, ...more]));
      this.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') show('<', wireText(data), 'the server’s head, or its refusal');
        else if (lastWord(data)) show('<', wireText(data), lastWord(data));
        else incoming.push(wireText(data));
      });
    }

    override send(data: string | Uint8Array): void {
      if (typeof data === 'string') show('>', wireText(data), 'the head');
      else show('>', wireText(data), lastWord(data) ?? sent.shift());
      super.send(data);
    }
  }
  return {
    WebSocket: Tapped,
    sent,
    received: (plain) => show('<', incoming.shift() ?? '', plain),
  };
}

/** Messages that end a direction, which are not the application's: the first byte has the kind (PROTOCOL §7). */
function lastWord(data: Uint8Array | ArrayBuffer): string | undefined {
  const [kind] = new Uint8Array(data.slice(0, 1));
  if (kind === SOCKET_KIND.failed) return 'that it gave up';
  return kind === SOCKET_KIND.end ? 'the end' : undefined;
}

function wireText(data: string | Uint8Array | ArrayBuffer): string {
  if (typeof data === 'string') return data.length > 200 ? `${data.slice(0, 200)}… (${data.length} characters)` : data;
  const bytes = Buffer.from(data as Uint8Array);
  return `${bytes.subarray(0, 64).toString('hex')}${bytes.length > 64 ? '…' : ''} (${bytes.length} bytes)`;
}
