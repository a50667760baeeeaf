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
  /** Ends what was begun here, and nothing else. */
  readonly close: () => Promise<void>;
}

const HOST = '127.0.0.1';

/** Makes the target listen, on a free port of this machine alone, where it does not yet. */
export async function reach(target: TestTarget): Promise<Reached> {
  if (typeof target === 'string' || target instanceof URL) return { url: String(target), close: async () => undefined };
  if ('getHttpServer' in target) {
    const server = target.getHttpServer() as ServerLike;
    // `listen` initializes what is not, and knows what its platform needs for it. Nest's own `close` ends it.
    if (!server.listening) await target.listen(0, HOST);
    return { url: urlOf(server), close: async () => undefined };
  }
  if (target.listening) return { url: urlOf(target), close: async () => undefined };
  await new Promise<void>((listening) => target.listen(0, HOST, listening));
  return { url: urlOf(target), close: () => new Promise((closed) => target.close(closed)) };
}

function urlOf(server: ServerLike): string {
  const address = server.address() as { address: string; family: string | number; port: number } | string | null;
  if (typeof address !== 'object' || address === null) {
    throw new TypeError('e2eAgent: the server listens on no TCP port; give the URL at which it is reached');
  }
  const isAnywhere = address.address === '::' || address.address === '0.0.0.0';
  const host = isAnywhere ? HOST : address.address.includes(':') ? `[${address.address}]` : address.address;
  return `${'setSecureContext' in server ? 'https' : 'http'}://${host}:${address.port}`;
}
