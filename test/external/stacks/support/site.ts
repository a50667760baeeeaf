import { spawn } from 'node:child_process';
import { environment, listens } from '../../package/application.js';
import { freePort } from '../../../support/free-port.js';

/** A framework's production server, as a child process. */
export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** @param env the port is added to it, and to the arguments at `PORT`. */
export async function startSite(folder: string, args: readonly string[], env: Record<string, string>): Promise<Site> {
  const port = `${await freePort()}`;
  const server = spawn(
    process.execPath,
    args.map((arg) => (arg === 'PORT' ? port : arg)),
    { cwd: folder, env: { ...environment(), ...OFFLINE, ...env, PORT: port } },
  );
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = `http://localhost:${port}`;
  const close = async () => {
    server.kill();
    await ended;
  };
  try {
    await listens(url, server, () => output);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}

/** Frameworks that report home would try it from a test, too. */
export const OFFLINE = { NEXT_TELEMETRY_DISABLED: '1', NUXT_TELEMETRY_DISABLED: '1' };

/** A browser as far as a server sees it: it keeps the site's cookies. */
export class Visitor {
  readonly #cookies = new Map<string, string>();

  constructor(private readonly site: Site) {}

  async fetch(path: string, init: { method?: string; body?: string } = {}): Promise<string> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(`${this.site.url}${path}`, { ...init, headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      this.#cookies.set(name!, value!);
    }
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} says ${response.status}: ${text.slice(0, 500)}`);
    return text;
  }
}
