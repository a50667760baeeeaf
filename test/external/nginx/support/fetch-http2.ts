import { connect, type ClientHttp2Session } from 'node:http2';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

type Body = string | Uint8Array | ReadableStream<Uint8Array> | null | undefined;

/** As much of `fetch` as the client needs, over one connection of HTTP/2 without TLS; bodies stream both ways. */
export class Http2Fetch {
  readonly #session: ClientHttp2Session;

  constructor(origin: string) {
    this.#session = connect(origin);
    this.#session.on('error', () => undefined);
  }

  readonly fetch: typeof fetch = (input, init = {}) => {
    const { pathname, search } = new URL(input as string);
    const fields = Object.fromEntries(new Headers(init.headers));
    const stream = this.#session.request(
      { ...fields, ':method': init.method ?? 'GET', ':path': pathname + search },
      { endStream: !init.body },
    );
    init.signal?.addEventListener('abort', () => stream.destroy());
    const body = init.body as Body;
    if (body && typeof body === 'object' && 'getReader' in body) {
      Readable.fromWeb(body)
        .on('error', () => stream.destroy())
        .pipe(stream);
    } else if (body) stream.end(body);
    return new Promise<Response>((resolve, reject) => {
      stream.on('close', () => reject(new TypeError('the stream was closed')));
      stream.on('error', reject).on('response', ({ ':status': status, ...received }) => {
        const headers = new Headers();
        for (const [name, values] of Object.entries(received)) {
          for (const value of [values].flat()) headers.append(name, String(value));
        }
        const read = Readable.toWeb(stream, { strategy: { highWaterMark: 0 } }) as unknown as BodyInit;
        resolve(new Response(read, { status: Number(status), headers }));
      });
    });
  };

  close(): void {
    this.#session.destroy();
  }
}
