import { AsyncLocalStorage } from 'node:async_hooks';

/** One request and its answer as they went over the wire. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly requestHeaders: Headers;
  readonly requestBody: string;
  readonly status: number;
  readonly responseHeaders: Headers;
  readonly responseBody: string;
}

/** A `fetch` that keeps what goes over the wire while `record` runs, for each recording apart. */
export class WireRecorder {
  readonly #recordings = new AsyncLocalStorage<Exchange[]>();

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const exchanges = this.#recordings.getStore();
    if (!exchanges) return globalThis.fetch(input, init);
    const request = new Request(input, init);
    const requestBody = decode(await request.clone().arrayBuffer());
    const response = await globalThis.fetch(request);
    const responseBody = decode(await response.clone().arrayBuffer());
    exchanges.push({
      method: request.method,
      url: request.url,
      requestHeaders: request.headers,
      requestBody,
      status: response.status,
      responseHeaders: response.headers,
      responseBody,
    });
    return response;
  };

  async record<T>(run: () => Promise<T>): Promise<{ result: T; exchanges: readonly Exchange[] }> {
    const exchanges: Exchange[] = [];
    return { result: await this.#recordings.run(exchanges, run), exchanges };
  }
}

/** Bytes as UTF-8: what is none becomes replacement characters, and no secret looks like those. */
function decode(bytes: ArrayBuffer): string {
  return new TextDecoder().decode(bytes);
}
