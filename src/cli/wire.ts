import type { CookieFile } from './cookie-file.js';

/** One request and its answer as they went over the wire. */
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

/** A `fetch` that notes what goes over the wire, and keeps cookies in a file where there is one. */
export function recordingFetch(exchanges: WireExchange[], cookies: CookieFile | undefined): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const cookie = cookies?.header(url);
    if (cookie) request.headers.set('cookie', [request.headers.get('cookie'), cookie].filter(Boolean).join('; '));
    const body = await request.clone().text();
    const response = await globalThis.fetch(request);
    cookies?.store(url, response.headers);
    exchanges.push({
      method: request.method,
      url: request.url,
      request: { headers: Object.fromEntries(request.headers), body },
      response: {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.clone().text(),
      },
    });
    return response;
  };
}
