import { WebSocket } from 'ws';
import { createE2eClient, type E2eClient } from '../../../../src/client/index.js';

/** A message that was sealed and never sent, as one copies it from the wire. */
export interface Captured {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** One profile of a browser: what all its tabs share is the cookies. */
export class Profile {
  readonly #cookies = new Map<string, string>();
  /** Of the server that sockets are opened on, whatever a tab's own is. */
  socketsAt: string | undefined;
  #capturing: ((message: Captured) => void) | undefined;

  constructor(private readonly url: string) {}

  /** @param url of one server, past the balancer. */
  tab(url = this.url): E2eClient {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the class has a `this` of its own
    const profile = this;
    class WithCookies extends WebSocket {
      constructor(address: string, protocols: string[]) {
        const at = new URL(address);
        if (profile.socketsAt) at.host = new URL(profile.socketsAt).host;
        super(at, protocols, { headers: { cookie: profile.cookie } });
      }
    }
    return createE2eClient({
      webSocket: WithCookies,
      baseUrl: url,
      keyKind: 'X25519',
      cookies: false,
      fetch: (input, init) => this.#fetch(new URL(input as string), init),
    });
  }

  /** The cookies, as a header. */
  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** The message that this call sends next; it never arrives. */
  async capture(call: () => Promise<unknown>): Promise<Captured> {
    const captured = new Promise<Captured>((resolve) => (this.#capturing = resolve));
    await call().catch(() => undefined);
    return captured;
  }

  async #fetch(url: URL, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('cookie', this.cookie);
    if (this.#capturing) {
      this.#capturing({
        method: init.method ?? 'GET',
        target: url.pathname + url.search,
        headers: ['host', url.host, ...[...headers].flat()],
        body: Buffer.from(await new Response(init.body).arrayBuffer()),
      });
      this.#capturing = undefined;
      throw new TypeError('never sent');
    }
    const response = await fetch(url, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1)[0]!.split('=');
      this.#cookies.set(name, value);
    }
    return response;
  }
}
