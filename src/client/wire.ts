import { parseJsonObject, type JsonObject } from '../protocol/json.js';
import { PROBLEM_MEDIA_TYPE, type ProblemName } from '../protocol/problem.js';
import { essence, JSON_MEDIA_TYPE } from '../protocol/media-type.js';
import { CookieJar, leavesCookiesToUs } from './cookies.js';
import { E2eClientError } from './errors.js';
import type { Settings } from './options.js';
import type { WireRequest } from './request.js';
import { answerFacts, readBytes, readProblem } from './response.js';

/** The longest answer to a handshake, in bytes; the longest that there is has about 3,000. */
const MAX_HANDSHAKE_BYTES = 32_768;
/** RFC 7517 §8.5.2: what identity keys are listed as. */
const JWK_SET_MEDIA_TYPE = 'application/jwk-set+json';

function hintOf(problem: ProblemName): string {
  return problem === 'key-rejected' ? " Is keyKind one of the server's keyKinds, and does it want a deviceKey?" : '';
}

function statusHint(status: number): string {
  if (status === 404) return 'are baseUrl and path right, with the global prefix if there is one?';
  if (status === 401 || status === 403) {
    return "does a guard stand before it? The module's option `decorators` lets it through.";
  }
  return status >= 500 ? "the server's log says why." : 'are baseUrl and path right?';
}

/** Sends what is already sealed, with the session's cookie. The only place that calls `fetch`. */
export class Wire {
  readonly #settings: Settings;
  /** Where the platform keeps no cookies. */
  readonly #jar: CookieJar | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#jar = settings.cookies && leavesCookiesToUs(settings.base) ? new CookieJar() : undefined;
  }

  async send({ url, init }: WireRequest): Promise<Response> {
    const { fetch } = this.#settings;
    const { credentials, ...rest } = init;
    const jar = credentials === 'omit' ? undefined : this.#jar;
    const cookies = [init.headers.get('cookie'), jar?.header(url)].filter(Boolean).join('; ');
    if (jar && cookies) init.headers.set('cookie', cookies);
    // A sealed answer is never a redirect on the wire; one that a browser followed by itself would take the message to
    // another URL. Some platforms without cookies also refuse to be told about credentials and caches.
    const browser: RequestInit = this.#jar ? {} : { credentials, cache: 'no-store' };
    const response = await fetch(url.href, { ...rest, ...browser, redirect: 'manual' });
    jar?.store(url, response.headers);
    return response;
  }

  /** Posts the handshake's request, or without a body gets the server's identity keys. */
  async exchange(href: string, body: string | undefined, signal: AbortSignal): Promise<JsonObject> {
    const headers = new Headers({ accept: JSON_MEDIA_TYPE });
    if (body !== undefined) headers.set('content-type', JSON_MEDIA_TYPE);
    const method = body === undefined ? 'GET' : 'POST';
    const { credentials } = this.#settings;
    const init = { method, headers, body: body ?? null, signal, credentials };
    const response = await this.send({ url: new URL(href), init });

    const type = essence(response.headers.get('content-type') ?? '');
    const { status } = response;
    const fits =
      body === undefined
        ? status === 200 && [JSON_MEDIA_TYPE, JWK_SET_MEDIA_TYPE].includes(type)
        : status === 201 && type === JSON_MEDIA_TYPE;
    const bytes = await readBytes(response, fits || type === PROBLEM_MEDIA_TYPE ? MAX_HANDSHAKE_BYTES : 0);
    if (!fits) {
      const problem = bytes && readProblem(bytes);
      throw new E2eClientError(
        'handshake-failed',
        `${method} ${href} was answered with ${problem ?? `status ${status}`}` +
          (problem ? `.${hintOf(problem)}` : `: ${statusHint(status)}`),
        answerFacts(response, problem),
      );
    }
    const answer = bytes && parseJsonObject(new TextDecoder().decode(bytes));
    if (!answer) {
      throw new E2eClientError('handshake-rejected', `${method} ${href} was not answered with a JSON object.`);
    }
    return answer;
  }

  /** Whether the cookies are kept by the platform, for all its tabs and workers together. */
  get sharesCookies(): boolean {
    return !this.#jar;
  }

  forget(): void {
    this.#jar?.clear();
  }
}
