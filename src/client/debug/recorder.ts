// Keeps the last calls for developers (option `debug`). Loaded only with it.
import { isJson } from '../../protocol/media-type.js';
import type { CallResult } from '../call/answer.js';
import type { OutgoingRequest, WireRequest } from '../call/outgoing.js';
import { E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import { keepCall, noteChange, type DebugCall, type DebugMessage } from './calls.js';

/** Bundlers replace it with its value. */
declare const process: { readonly env: { readonly NODE_ENV?: string } };

/** How much of a body is kept, in characters. */
const MAX_BODY = 16_384;
/** How much of a body is read for that, in bytes. */
const MAX_READ = 65_536;
const LOCAL = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * @throws E2eClientError `invalid-option` if plaintext must not be kept: in production; and, unless `debug` is
 * `'force'`, on a page that is not on localhost, or outside a page if `NODE_ENV` is not `development` or `test`.
 */
export function checkDebug({ debug }: Pick<Settings, 'debug'>): void {
  if (debug !== true && debug !== 'force') throw refused('must be true, false or "force"');
  const environment = nodeEnv();
  if (environment === 'production') throw refused('keeps plaintext, so it is refused where NODE_ENV is "production"');
  if (debug === 'force') return;
  const { location } = globalThis as { location?: { readonly hostname?: string } };
  if (location?.hostname === undefined) {
    // Servers often run in production without the variable.
    if (environment === 'development' || environment === 'test') return;
    throw refused(
      'keeps plaintext, so outside a page it is refused unless NODE_ENV is "development" or "test". Use "force" for a ' +
        'test without it',
    );
  }
  if (!LOCAL.test(location.hostname)) {
    throw refused('keeps plaintext, so it is refused on pages that are not on localhost. Use "force" on a test server');
  }
}

/** Keeps one copy of a request and its response. */
export class CallRecorder {
  readonly #call: DebugCall;

  private constructor(call: DebugCall) {
    this.#call = call;
    keepCall(call);
  }

  static async begin(request: OutgoingRequest, sealed: WireRequest): Promise<CallRecorder> {
    const { url, method, headers, mediaType, body } = request;
    const plain = new Headers(headers);
    if (body && mediaType) plain.set('content-type', mediaType);
    return new CallRecorder({
      at: Date.now(),
      method,
      url: url.href,
      wireUrl: sealed.url.href,
      request: {
        plain: {
          headers: [...plain],
          body: await bodyText(body && 'read' in body ? undefined : body, mediaType, body),
        },
        wire: {
          headers: [...sealed.init.headers],
          body: sealed.upload ? '(in frames)' : await bodyText(sealed.init.body ?? undefined, 'text/plain'),
        },
      },
    });
  }

  /** @param wire a clone of the response. */
  async end(wire: Response, result: CallResult): Promise<void> {
    const { response, error } = result;
    if (error) this.#call.error = `${error.code}: ${error.message}`;
    const [plain, asSent] = await Promise.all([response && read(response.clone()), read(wire)]);
    this.#call.response = {
      status: response?.status,
      wireStatus: wire.status,
      plain: plain ?? { headers: [], body: '' },
      wire: asSent,
    };
    noteChange();
  }
}

/** The start of a body. It does not wait for the rest of a stream. */
async function read(response: Response): Promise<DebugMessage> {
  const headers = [...response.headers];
  const type = response.headers.get('content-type') ?? '';
  const isEndless = /^(text\/event-stream|application\/vnd\.e2e\.stream)/.test(type);
  if (isEndless || !response.body) {
    void response.body?.cancel();
    return { headers, body: response.body ? '(in pieces)' : '' };
  }
  const reader = response.body.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    while (length < MAX_READ) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      length += value.length;
    }
    if (length >= MAX_READ) void reader.cancel().catch(() => undefined);
  } catch {
    return { headers, body: '(failed)' };
  }
  return {
    headers,
    body: await bodyText(await new Blob(pieces).arrayBuffer().then((all) => new Uint8Array(all)), type),
  };
}

async function bodyText(body: unknown, mediaType = '', whole: unknown = body): Promise<string> {
  if (whole === undefined || whole === null) return '';
  const isText = mediaType === '' || /^text\/|jose|urlencoded|xml/.test(mediaType) || isJson(mediaType);
  if (body === undefined || !isText) return `(${mediaType || 'bytes'})`;
  const text = typeof body === 'string' ? body : await new Response(body as BodyInit).text();
  return text.length > MAX_BODY ? `${text.slice(0, MAX_BODY)}… (${text.length} characters)` : text;
}

function nodeEnv(): string | undefined {
  try {
    return process.env.NODE_ENV;
  } catch {
    return undefined; // a page without a bundler
  }
}

function refused(rule: string): E2eClientError {
  return new E2eClientError('invalid-option', `debug ${rule}.`);
}
