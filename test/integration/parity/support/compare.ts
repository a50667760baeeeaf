import { afterAll, beforeAll } from '@jest/globals';
import type { E2eClient, E2eClientOptions, E2eRequestInit } from '../../../../src/client/index.js';
import type { E2eExtras, E2eOptions } from '../../../../src/index.js';
import { TestApp, type PlatformName, type Setup } from '../../e2e/support/apps.js';

/** What a caller sees of an answer; what HTTP alone needs to carry it is left out. */
export interface Outcome {
  readonly status: number;
  /** `null` where there is no body. */
  readonly mediaType: string | null;
  /** One character a byte, so that a difference can be read. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
}

/** An answer that did not come whole: its connection ended first. */
export const CUT = 'the connection ended before the answer did';

/** What carries or caches an answer, or describes the body on the wire: it may differ between plain and sealed. */
export const TRANSPORT = [
  'accept-ranges',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'expires',
  'incremental',
  'keep-alive',
  'last-modified',
  'set-cookie',
  'trailer',
  'transfer-encoding',
  'x-accel-buffering',
];

/** The cookie of the session that the module brings: the plain application has none. */
export const SESSION_COOKIE = /^(connect\.sid|sessionId)=/;

/** For paths, and for whole Requests to `base`. */
export interface Fetch {
  (input: string | Request, init?: E2eRequestInit): Promise<Response>;
  readonly base: string;
}

export interface PairSetup extends Omit<Setup, 'e2e'> {
  /** Options of the sealed application, beside `encryptByDefault`. */
  readonly e2e?: E2eOptions & E2eExtras;
  readonly client?: E2eClientOptions;
}

/**
 * One application twice: as it is without this package, called by `fetch`; and with every route sealed, called by the
 * client. Controllers carry no decorator of the package.
 */
export class Pair {
  private constructor(
    readonly plainApp: TestApp,
    readonly sealedApp: TestApp,
    private readonly client: E2eClient,
  ) {}

  static async start(platform: PlatformName, { e2e, client, ...setup }: PairSetup): Promise<Pair> {
    const plainApp = await TestApp.start(platform, { ...setup, e2e: false });
    try {
      const sealedApp = await TestApp.start(platform, { ...setup, e2e: { ...e2e, encryptByDefault: true } });
      return new Pair(plainApp, sealedApp, sealedApp.client(client));
    } catch (error) {
      await plainApp.close();
      throw error;
    }
  }

  /** `fetch` for the plain application, and the client's for the sealed one, each with its base URL. */
  get fetches(): Readonly<Record<'plain' | 'sealed', Fetch>> {
    const { plainApp, sealedApp, client } = this;
    return {
      plain: Object.assign(
        (input: string | Request, init?: RequestInit) => {
          return fetch(typeof input === 'string' ? plainApp.url + input : input, init);
        },
        { base: plainApp.url },
      ),
      sealed: Object.assign(client.fetch, { base: sealedApp.url }),
    };
  }

  /** What the application answers without the package. */
  plain(path: string, init: RequestInit = {}): Promise<Outcome | string> {
    return outcomeOf(fetch(this.plainApp.url + path, { redirect: 'manual', ...init }));
  }

  /** What the client hands over of the sealed application's answer. */
  sealed(path: string, init: E2eRequestInit = {}): Promise<Outcome | string> {
    return outcomeOf(this.client.fetch(path, { redirect: 'manual', ...init }));
  }

  /** Both, by one `init`: its body must be one that can be read twice. */
  async both(
    path: string,
    init: RequestInit = {},
  ): Promise<{ readonly plain: Outcome | string; readonly sealed: Outcome | string }> {
    const [plain, sealed] = await Promise.all([this.plain(path, init), this.sealed(path, init)]);
    return { plain, sealed };
  }

  async close(): Promise<void> {
    await Promise.all([this.plainApp.close(), this.sealedApp.close()]);
  }
}

/** One pair for all tests of a `describe`. */
export function usePair(platform: PlatformName, setup: PairSetup | (() => PairSetup)): () => Pair {
  let pair: Pair | undefined;
  beforeAll(async () => {
    pair = await Pair.start(platform, typeof setup === 'function' ? setup() : setup);
  });
  afterAll(() => pair?.close());
  return () => {
    if (!pair) throw new Error('the applications are not running');
    return pair;
  };
}

async function outcomeOf(call: Promise<Response>): Promise<Outcome | string> {
  let response: Response;
  let body: string;
  try {
    response = await call;
    body = Buffer.from(await response.arrayBuffer()).toString('latin1');
  } catch (error) {
    // What undici says of a connection that ended; everything else is a fault of the test, or of the package.
    const { message, cause } = error as { message: string; cause?: { code?: string } };
    if (cause?.code === 'UND_ERR_SOCKET' || cause?.code === 'ECONNRESET' || message === 'terminated') return CUT;
    throw error;
  }
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !TRANSPORT.includes(name)));
  return {
    status: response.status,
    mediaType: body === '' ? null : response.headers.get('content-type'),
    body,
    headers,
    cookies: response.headers.getSetCookie().filter((cookie) => !SESSION_COOKIE.test(cookie)),
  };
}
