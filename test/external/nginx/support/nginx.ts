import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../support/free-port.js';

const DOCS = ['operations', 'sockets'].map((page) =>
  readFileSync(new URL(`../../../../docs/${page}.md`, import.meta.url), 'utf8'),
);

/** The one configuration in the documentation that has this in it. */
export function shownConfiguration(part: string): string {
  const blocks = [...DOCS.join('\n').matchAll(/```nginx\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const shown = blocks.filter((block) => block.includes(part));
  if (shown.length !== 1) throw new Error(`${shown.length} configurations have ${part}`);
  return shown[0]!;
}

/** An nginx of one server that listens on a port of its own. */
export class Nginx {
  private constructor(
    readonly port: number,
    private readonly end: () => Promise<void>,
  ) {}

  /** @param http2 whether it speaks HTTP/2 alone, without TLS. */
  static async start(configuration: string, upstream: string, { http2 = false } = {}): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
    // Started by root, its workers are somebody else.
    chmodSync(folder, 0o755);
    const port = await freePort();
    const server = configuration
      .replaceAll('http://127.0.0.1:3000', upstream)
      .replace('server {', `server { listen 127.0.0.1:${port}${http2 ? ' http2' : ''};`);
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${folder}/pid; error_log ${folder}/log; events {} http { access_log off; ${folders.join(' ')} ${server} }`,
    );
    const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
    const gone = once(child, 'exit');
    await Promise.race([
      listens(port),
      gone.then(() => {
        throw new Error(`nginx ended: ${readFileSync(join(folder, 'log'), 'utf8')}`);
      }),
    ]);
    return new Nginx(port, async () => {
      child.kill();
      await gone;
      rmSync(folder, { recursive: true });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.end();
  }
}

/** Until something listens there; the test's own limit ends what never does. */
async function listens(port: number): Promise<void> {
  for (;;) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
        .on('connect', () => resolve(true))
        .on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
