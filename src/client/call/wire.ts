import { essence, JSON_MEDIA_TYPE, PROBLEM_MEDIA_TYPE } from '../../protocol/media-type.js';
import type { CookieJar } from './cookies.js';
import type { Settings } from '../options.js';
import { refusal } from './plain.js';
import type { WireRequest } from './request.js';
import { readBytes } from './response.js';

/** The longest answer to a handshake, in bytes; the longest that there is has about 3,000. */
const MAX_HANDSHAKE_BYTES = 32_768;
/** What goes plain: the handshake's request, or without a body the one for the server's identity keys. */
export interface PlainRequest {
  readonly method: string;
  readonly body?: string;
  readonly signal: AbortSignal | null;
}

/** Sends what is already sealed, with the session's cookie. The only place that calls `fetch`. */
export class Wire {
  readonly #settings: Settings;
  /** Whether the cookies are kept by the platform, for all its tabs and workers together. */
  readonly sharesCookies: boolean;
  #jar: CookieJar | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.sharesCookies = !(settings.cookies && leavesCookiesToUs(settings.base));
  }

  async send({ url, init }: WireRequest): Promise<Response> {
    const { fetch } = this.#settings;
    const { credentials, ...rest } = init;
    const jar = this.sharesCookies || credentials === 'omit' ? undefined : (this.#jar ??= await makeJar());
    const cookies = [init.headers.get('cookie'), jar?.header(url)].filter(Boolean).join('; ');
    if (jar && cookies) init.headers.set('cookie', cookies);
    // A sealed answer is never a redirect on the wire; one that a browser followed by itself would take the message to
    // another URL. Some platforms without cookies also refuse to be told about credentials and caches.
    const browser: RequestInit = this.sharesCookies ? { credentials, cache: 'no-store' } : {};
    const response = await fetch(url.href, { ...rest, ...browser, redirect: 'manual' });
    jar?.store(url, response.headers);
    return response;
  }

  /** Sends what goes plain, around the channel, and gives the JSON text that answers it with that status. */
  async exchange(url: string, request: PlainRequest, expected: number, ...types: string[]): Promise<string> {
    const headers = new Headers({ accept: JSON_MEDIA_TYPE });
    if (request.body) headers.set('content-type', JSON_MEDIA_TYPE);
    const { credentials } = this.#settings;
    const response = await this.send({ url: new URL(url), init: { ...request, headers, credentials } });

    const type = essence(response.headers.get('content-type') ?? '');
    const fits = response.status === expected && [JSON_MEDIA_TYPE, ...types].includes(type);
    const bytes = await readBytes(response, fits || type === PROBLEM_MEDIA_TYPE ? MAX_HANDSHAKE_BYTES : 0);
    if (fits) return new TextDecoder().decode(bytes);
    throw await refusal(response, bytes, request.method, url);
  }

  forget(): void {
    this.#jar = undefined;
  }
}

/**
 * Whether this platform leaves cookies to its callers: browsers keep them, and drop a `Cookie` header that a script sets
 * (it is a forbidden request header); where it stays, nobody else is at it.
 */
export function leavesCookiesToUs(base: URL): boolean {
  return 'getSetCookie' in Headers.prototype && new Request(base, { headers: { cookie: 'a=b' } }).headers.has('cookie');
}

/** Imported only where it is used: no browser needs it. */
async function makeJar(): Promise<CookieJar> {
  const { CookieJar } = await import('./cookies.js');
  return new CookieJar();
}
