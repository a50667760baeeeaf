import { createE2eClient } from '../../client/lazy.js';
import { E2eClientError } from '../../client/errors.js';
import type { WebSocketClass } from '../../client/options.js';
import type { KeyKind } from '../../protocol/keys.js';
import { essence, PROBLEM_MEDIA_TYPE } from '../../protocol/media-type.js';
import { within } from './patience.js';

/** What the command line asks for. */
export interface DoctorRequest {
  /** The application's address, with the prefix that clients use; its path ends in a slash. */
  readonly url: URL;
  /** The module's path. */
  readonly path: string;
  /** A sealed route that GET may call; without it, a path that no application has. */
  readonly route: string | undefined;
  /** A route that responds in pieces. */
  readonly stream: string | undefined;
  /** A sealed gateway. */
  readonly socket: string | undefined;
  /** The origin of pages that call the server. */
  readonly origin: string | undefined;
  readonly identityKeys: readonly string[];
  /** The kinds of key to try. */
  readonly kinds: readonly KeyKind[];
  /** Milliseconds for each request. */
  readonly timeout: number;
}

/** The last response, as it came over the wire. */
export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  /** The body, only of JSON. */
  readonly json: Record<string, unknown> | undefined;
}

/** How a call ended. */
export interface Outcome {
  /** The opened response, if there is one. */
  readonly response?: Response;
  readonly error?: Error;
  readonly seen: Seen | undefined;
}

/** A separate client with its own session, and the wire data that it saw. */
export class Probe {
  readonly client: ReturnType<typeof createE2eClient>;
  /** How many handshakes the client made: a second one means that a server did not know the channel of the first. */
  handshakes = 0;
  /** Whether each request gets its own connection: some balancers choose a server for each connection. */
  connectsAnew = false;
  #seen: Seen | undefined;
  #handshake: Seen | undefined;
  #last: { readonly url: string; readonly init: RequestInit } | undefined;

  constructor(
    private readonly request: DoctorRequest,
    readonly keyKind: KeyKind,
    webSocket?: WebSocketClass,
  ) {
    const { url, path, identityKeys } = request;
    this.client = createE2eClient({
      baseUrl: url.href,
      path,
      keyKind,
      ...(identityKeys.length > 0 && { identityKeys }),
      ...(webSocket && { webSocket }),
      fetch: (input, init) => this.#fetch(input as string, init ?? {}),
    });
  }

  /** Sends the last request once more, byte for byte, over a separate connection. */
  async repeat(): Promise<Pick<Response, 'status' | 'headers'> | undefined> {
    const { url, init } = this.#last!;
    const headers = onItsOwn(init.headers);
    return within(this.request.timeout, async (signal) => {
      const response = await fetch(url, { ...init, headers, signal }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
      return response;
    });
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    this.#seen = undefined;
    const isHandshake = url.endsWith('/handshake');
    if (isHandshake) this.handshakes++;
    else this.#last = { url, init };
    const response = await fetch(url, this.connectsAnew ? { ...init, headers: onItsOwn(init.headers) } : init);
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    const copy = isJson ? response.clone().json() : Promise.resolve(undefined);
    const json = (await copy.catch(() => undefined)) as Seen['json'];
    this.#seen = { status: response.status, headers: response.headers, json };
    if (isHandshake) this.#handshake = this.#seen;
    return response;
  }

  /** What was seen is the response to the handshake: with pins, the client may ask for the identity keys after it. */
  async handshake(): Promise<Outcome> {
    const outcome = await this.#run(async (signal) => {
      await this.client.handshake({ signal });
      return undefined;
    });
    return { ...outcome, seen: this.#handshake ?? outcome.seen };
  }

  /** One sealed call; its response is read to its end. */
  async call(path: string, init: RequestInit = {}): Promise<Outcome> {
    return this.#run(async (signal) => {
      const response = await this.client.fetch(path, { ...init, signal });
      await response.arrayBuffer();
      return response;
    });
  }

  async #run(act: (late: AbortSignal) => Promise<Response | undefined>): Promise<Outcome> {
    try {
      const response = await within(this.request.timeout, act);
      return { ...(response && { response }), seen: this.#seen };
    } catch (error) {
      return { error: error as Error, seen: this.#seen };
    }
  }
}

/** Node closes the connection after the response. */
function onItsOwn(fields: RequestInit['headers']): Headers {
  const headers = new Headers(fields);
  headers.set('connection', 'close');
  return headers;
}

/** The protocol's problem that a call ended with. */
export function problemOf({ error }: Outcome): string | undefined {
  return error instanceof E2eClientError ? error.problem : undefined;
}

/** Whether the response that a client rejected is neither sealed nor a problem of the module: something in between wrote it. */
export function isOfAnother({ error, seen }: Outcome): boolean {
  if (!(error instanceof E2eClientError) || !seen) return false;
  return error.problem === undefined && essence(seen.headers.get('content-type') ?? '') !== PROBLEM_MEDIA_TYPE;
}

/** Whether there was no HTTP response at all. */
export function isUnreachable({ error, seen }: Outcome): boolean {
  return error !== undefined && seen === undefined && !(error instanceof E2eClientError);
}

/** An error in one line, with what caused it. */
export function reasonOf(error: Error | undefined): string {
  if (!error) return '';
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return [error.message, cause?.code ?? cause?.message].filter(Boolean).join(': ');
}
