import { markOf, NO_MODULE } from './handshake-path.js';

/** What is asked of an HTTP or HTTPS server: Node's own are. */
export interface ServerLike {
  readonly listening: boolean;
  listen(port: number, host: string, listening: () => void): unknown;
  address(): unknown;
  close(closed: () => void): unknown;
}

/** What is asked of a Nest application: `INestApplication` is one, on Express and on Fastify. */
export interface NestLike {
  getHttpServer(): unknown;
  listen(port: number, host: string): Promise<unknown>;
}

/** A Nest application, initialized and listening or not; a server; or the URL of one that runs. */
export type TestTarget = NestLike | ServerLike | string | URL;

export interface Reached {
  readonly url: string;
  readonly mark: ReturnType<typeof markOf>;
  /** Ends what was begun here, and nothing else. */
  readonly close: () => Promise<void>;
}

const HOST = '127.0.0.1';
/** Servers that are about to listen: several calls may begin at once. */
const starting = new WeakMap<object, Promise<unknown>>();

/** Makes the target listen, on a free port of this machine alone, where it does not yet. */
export async function reach(target: TestTarget): Promise<Reached> {
  const close = async () => undefined;
  if (typeof target === 'string' || target instanceof URL) return { url: String(target), mark: undefined, close };
  if ('getHttpServer' in target) {
    const server = target.getHttpServer() as ServerLike;
    // `listen` initializes what is not, and knows what its platform needs for it. Nest's own `close` ends it.
    if (!server.listening) await once(server, () => target.listen(0, HOST));
    const mark = markOf(server);
    if (!mark) throw new Error(NO_MODULE);
    return { url: urlOf(server), mark, close };
  }
  if (typeof target === 'function' || !('address' in target)) throw new TypeError(NO_TARGET);
  if (target.listening) return { url: urlOf(target), mark: markOf(target), close };
  await once(target, () => new Promise<void>((listening) => target.listen(0, HOST, listening)));
  // A test that forgets to close it still ends.
  if ('unref' in target) (target as { unref(): unknown }).unref();
  const end = () => new Promise<void>((closed) => target.close(() => closed()));
  return { url: urlOf(target), mark: markOf(target), close: end };
}

const NO_TARGET =
  'The target must be a Nest application, an http.Server (app.getHttpServer()), or the URL of a server that runs.';

async function once(server: object, start: () => Promise<unknown>): Promise<void> {
  let started = starting.get(server);
  if (!started) starting.set(server, (started = start().finally(() => starting.delete(server))));
  await started;
}

function urlOf(server: ServerLike): string {
  const address = server.address() as { address: string; family: string | number; port: number } | string | null;
  if (typeof address !== 'object' || address === null) {
    throw new TypeError('The server listens on no TCP port; give the URL at which it is reached.');
  }
  const isAnywhere = address.address === '::' || address.address === '0.0.0.0';
  const host = isAnywhere ? HOST : address.address.includes(':') ? `[${address.address}]` : address.address;
  return `${'setSecureContext' in server ? 'https' : 'http'}://${host}:${address.port}`;
}
