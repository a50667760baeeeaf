import { createE2eClient } from '../../client/client.js';
import { E2eClientError } from '../../client/errors.js';
import type { WebSocketClass } from '../../client/options.js';
import type { KeyKind } from '../../protocol/keys.js';
import { essence, PROBLEM_MEDIA_TYPE } from '../../protocol/media-type.js';

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
  /** Milliseconds for each request. */
  readonly timeout: number;
}

/** The last response, as it came over the wire. */
export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  /** The body, of JSON alone. */
  readonly json: Record<string, unknown> | undefined;
}

/** How a call ended. */
export interface Outcome {
  /** The opened response, if there is one. */
  readonly response?: Response;
  readonly error?: Error;
  readonly seen: Seen | undefined;
}

/** A client of its own, with its own session, and what it saw of the wire. */
export class Probe {
  readonly client: ReturnType<typeof createE2eClient>;
  #seen: Seen | undefined;

  constructor(
    private readonly request: DoctorRequest,
    keyKind: KeyKind,
    webSocket?: WebSocketClass,
  ) {
    const { url, path, identityKeys } = request;
    this.client = createE2eClient({
      baseUrl: url.href,
      path,
      keyKind,
      ...(identityKeys.length > 0 && { identityKeys }),
      ...(webSocket && { webSocket }),
      fetch: async (input, init) => {
        this.#seen = undefined;
        const response = await fetch(input, init);
        const isJson = (response.headers.get('content-type') ?? '').includes('json');
        const json = isJson
          ? ((await response
              .clone()
              .json()
              .catch(() => undefined)) as Seen['json'])
          : undefined;
        this.#seen = { status: response.status, headers: response.headers, json };
        return response;
      },
    });
  }

  async handshake(): Promise<Outcome> {
    return this.#run(async () => {
      await this.client.handshake({ signal: AbortSignal.timeout(this.request.timeout) });
      return undefined;
    });
  }

  /** One sealed call; its response is read to its end. */
  async call(path: string, init: RequestInit = {}): Promise<Outcome> {
    return this.#run(async () => {
      const response = await this.client.fetch(path, { ...init, signal: AbortSignal.timeout(this.request.timeout) });
      await response.arrayBuffer();
      return response;
    });
  }

  async #run(act: () => Promise<Response | undefined>): Promise<Outcome> {
    try {
      const response = await act();
      return { ...(response && { response }), seen: this.#seen };
    } catch (error) {
      return { error: error as Error, seen: this.#seen };
    }
  }
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
