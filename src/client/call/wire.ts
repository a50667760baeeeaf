import { throwIfAborted } from '../abort.js';
import type { CookieFacts, CookieJar } from './cookies.js';
import { need } from '../errors.js';
import type { Settings } from '../options.js';
import { leavesCookiesToUs } from '../runtime.js';
import type { WireRequest } from './outgoing.js';
import type * as CookiesPart from './cookies.js';

/** Sends sealed content, with the session's cookie. The only place that calls `fetch`. */
export class Wire implements CookieFacts {
  readonly #settings: Settings;
  #sharesCookies: boolean | undefined;
  #jar: CookieJar | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Whether the platform keeps the cookies, for all its tabs and workers together. */
  get sharesCookies(): boolean {
    return (this.#sharesCookies ??= !(this.#settings.cookies && leavesCookiesToUs(this.#settings.base)));
  }

  get jar(): CookieJar | undefined {
    return this.#jar;
  }

  async send({ url, init, upload }: WireRequest): Promise<Response> {
    const fetch = this.#settings.fetch ?? globalThis.fetch;
    const { credentials, ...rest } = init;
    const jar = credentials === 'omit' ? undefined : await this.cookies();
    jar?.addTo(init.headers, url);
    // A sealed response is never a redirect on the wire; a redirect that a browser follows would send the message to
    // another URL. Platforms without cookies may reject the options for credentials and caches. React Native has no
    // HTTP cache, and adds a parameter to the query if `cache` is set.
    const browser: RequestInit = this.sharesCookies ? { credentials } : {};
    if (this.sharesCookies && 'cache' in Request.prototype) browser.cache = 'no-store';
    const own: RequestInit = { ...rest, ...browser, redirect: 'manual', [this.#settings.mark]: true };
    const post = (more?: RequestInit): Promise<Response> => {
      // A `fetch` of the application's may not heed the signal.
      throwIfAborted(own.signal);
      return fetch(url.href, { ...own, ...more });
    };
    const response = await (upload ? upload.send((body, more) => post({ body, ...more })) : post());
    jar?.store(url, response.headers);
    return response;
  }

  /** The cookies, if this client keeps them. */
  async cookies(): Promise<CookieJar | undefined> {
    return this.sharesCookies ? undefined : (this.#jar ??= await makeJar());
  }

  forget(): void {
    this.#jar = undefined;
  }
}

/** Imported only where it is used: no browser needs it. */
async function makeJar(): Promise<CookieJar> {
  const { CookieJar } = await need<typeof CookiesPart>('cookies');
  return new CookieJar();
}
