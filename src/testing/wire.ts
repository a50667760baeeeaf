import { AsyncLocalStorage } from 'node:async_hooks';
import { request as requestHttp, STATUS_CODES, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

/** One request and its response as they went over the wire, byte strings all. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly requestHeaders: Headers;
  readonly requestBody: string;
  readonly status: number;
  /** Empty where it is the usual one of the status. */
  readonly reason: string;
  readonly responseHeaders: Headers;
  readonly responseBody: string;
  /** What came beside the response: headers of informational responses (103) and trailers. */
  readonly extra: readonly { readonly where: string; readonly name: string; readonly value: string }[];
}

/** What one call sees of the wire. */
interface Recording {
  readonly exchanges: Exchange[];
  /** `Set-Cookie` headers of the handshakes that the call made. */
  readonly handshakeCookies: string[];
  /** Whether exchanges are kept whole. */
  readonly isFull: boolean;
}

/** A `fetch` that keeps what goes over the wire while `record` runs, for each recording apart. */
export class WireRecorder {
  readonly #recordings = new AsyncLocalStorage<Recording>();
  readonly #cookie: string | undefined;
  /** The names of the cookies that handshakes have set: the session's is among them. */
  readonly sessionCookies = new Set<string>();

  /** @param cookie cookies that every request carries, the handshake too. What the server sets later replaces them. */
  constructor(cookie?: string) {
    this.#cookie = cookie;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (this.#cookie !== undefined) request.headers.set('cookie', join(this.#cookie, request.headers.get('cookie')));
    const recording = this.#recordings.getStore();
    const response = recording?.isFull ? await this.#fetchRaw(request, recording) : await globalThis.fetch(request);
    if (new URL(request.url).pathname.endsWith('/handshake')) {
      const cookies = response.headers.getSetCookie();
      for (const line of cookies) this.sessionCookies.add(line.split('=', 1)[0]!.trim());
      recording?.handshakeCookies.push(...cookies);
    }
    return response;
  };

  async record<T>(isFull: boolean, run: () => Promise<T>): Promise<Recording & { result: T }> {
    const { handshakeCookies = [] } = this.#recordings.getStore() ?? {};
    const recording: Recording = { exchanges: [], handshakeCookies, isFull };
    const result = await this.#recordings.run(recording, run);
    return { ...recording, result };
  }

  /** By Node's own HTTP client: `fetch` hides trailers, informational responses and the reason phrase. */
  async #fetchRaw(request: Request, recording: Recording): Promise<Response> {
    const url = new URL(request.url);
    const body = Buffer.from(await request.arrayBuffer());
    const { message, extra } = await send(request, url, body);
    const chunks: Buffer[] = [];
    const status = message.statusCode!;
    const reason = message.statusMessage ?? '';
    const headers = new Headers(pairs(message.rawHeaders));
    recording.exchanges.push({
      method: request.method,
      url,
      requestHeaders: request.headers,
      requestBody: body.toString('latin1'),
      status,
      reason: reason === STATUS_CODES[status] ? '' : reason,
      responseHeaders: headers,
      // As far as it came.
      get responseBody() {
        return Buffer.concat(chunks).toString('latin1');
      },
      extra,
    });
    const hasBody = ![204, 205, 304].includes(status);
    if (!hasBody) message.resume();
    return new Response(hasBody ? recordBody(message, chunks, extra) : null, { status, headers });
  }
}

/** The body as it comes; of an endless one, what its reader took. */
function recordBody(message: IncomingMessage, chunks: Buffer[], extra: Sent['extra']): ReadableStream<Uint8Array> {
  const source = message[Symbol.asyncIterator]() as AsyncIterator<Buffer, void>;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) {
        for (const [name, its] of pairs(message.rawTrailers)) extra.push({ where: 'trailer', name, value: its });
        controller.close();
      } else {
        chunks.push(value);
        controller.enqueue(value);
      }
    },
    cancel: () => void message.destroy(),
  });
}

interface Sent {
  message: IncomingMessage;
  extra: { where: string; name: string; value: string }[];
}

function send({ method, headers, signal }: Request, url: URL, body: Buffer): Promise<Sent> {
  const extra: Sent['extra'] = [];
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, { method, signal });
    for (const [name, value] of headers) request.setHeader(name, value);
    request.on('information', ({ statusCode, rawHeaders }) => {
      const where = `header of the informational response ${statusCode}`;
      for (const [name, value] of pairs(rawHeaders)) extra.push({ where, name, value });
    });
    request.on('error', (cause) => reject(new TypeError('fetch failed', { cause })));
    request.on('response', (message) => resolve({ message, extra }));
    // A request without a body says so by its method alone, as fetch has it.
    request.end(body.length > 0 ? body : undefined);
  });
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index]!, raw[2 * index + 1]!]);
}

/** The names in a `Cookie` header. */
export function cookieNames(cookie: string): string[] {
  return cookie.split(';').map((pair) => pair.split('=', 1)[0]!.trim());
}

/** Both `Cookie` headers as one; of cookies of one name the later one's. */
function join(first: string, second: string | null): string {
  const pairs = new Map<string, string>();
  for (const pair of `${first};${second ?? ''}`.split(';')) {
    const [name = ''] = pair.split('=', 1);
    if (name.trim()) pairs.set(name.trim(), pair.trim());
  }
  return [...pairs.values()].join('; ');
}
