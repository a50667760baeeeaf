import { essence, STREAM_MEDIA_TYPE } from '../protocol/media-type.js';
import type { CookieFile } from './cookie-file.js';
import { readStream, summarize } from './stream.js';

/** One request and its response as they went over the wire. */
export interface WireExchange {
  readonly method: string;
  readonly url: string;
  readonly request: { readonly headers: Readonly<Record<string, string>>; readonly body: string };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

/** How much of a body in frames is kept. */
const MAX_KEPT = 2 ** 18;

/** What went by of a body. */
class Kept {
  readonly #isStream: boolean;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(headers: Headers) {
    this.#isStream = essence(headers.get('content-type') ?? '') === STREAM_MEDIA_TYPE;
  }

  take(chunk: Uint8Array): void {
    if (!this.#isStream || this.#length < MAX_KEPT) this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** A message as it is; of a stream its head, and what its frames are, as far as they were kept. */
  get text(): string {
    const bytes = Buffer.concat(this.#chunks);
    if (!this.#isStream) return bytes.toString();
    const { head, ...stream } = readStream(bytes);
    return `${head}\n${summarize(stream, this.#length).join('\n')}`;
  }

  tap(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    return body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          this.take(chunk);
          controller.enqueue(chunk);
        },
      }),
    );
  }
}

/** The cookie file, if one was given. Its library is loaded only then. */
export async function openCookieFile(path: string | undefined): Promise<CookieFile | undefined> {
  return path === undefined ? undefined : (await import('./cookie-file.js')).CookieFile.open(path);
}

/**
 * A `fetch` that keeps cookies in a file if there is one, and records the wire data.
 *
 * @param isShown whether bodies are recorded too.
 */
export function recordingFetch(
  exchanges: WireExchange[],
  cookies: CookieFile | undefined,
  isShown: boolean,
): typeof globalThis.fetch {
  return async (input, init) => {
    let request = new Request(input, init);
    const url = new URL(request.url);
    const cookie = cookies?.header(url);
    if (cookie) request.headers.set('cookie', [request.headers.get('cookie'), cookie].filter(Boolean).join('; '));
    const sent = new Kept(request.headers);
    if (isShown && request.body && init?.body instanceof ReadableStream) {
      request = new Request(request, { body: sent.tap(request.body), duplex: 'half' } as RequestInit);
    } else if (isShown) sent.take(new Uint8Array(await request.clone().arrayBuffer()));
    const response = await globalThis.fetch(request);
    cookies?.store(url, response.headers);
    const received = new Kept(response.headers);
    const { method, headers } = request;
    exchanges.push({
      method,
      url: request.url,
      request: {
        headers: Object.fromEntries(headers),
        get body() {
          return sent.text;
        },
      },
      response: {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        get body() {
          return received.text;
        },
      },
    });
    return isShown && response.body ? new Response(received.tap(response.body), response) : response;
  };
}
