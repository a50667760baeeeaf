import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../support/free-port.js';

/** A real redis-server of its own, with nothing in it at first. */
export class RedisServer {
  #process: ChildProcess | undefined;
  #folder: string | undefined;

  constructor(
    readonly port: number,
    private readonly more: Readonly<Record<string, string>> = {},
  ) {}

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Where its files are, once it was started. */
  get folder(): string {
    return this.#folder ?? '';
  }

  /** Every write is on disk before it is answered, so that a killed server has its data when it comes back. */
  async start(): Promise<void> {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'e2e-redis-'));
    const options = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.#folder,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
      ...this.more,
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('Ready to accept connections')) resolve();
      });
      child.once('exit', () => reject(new Error(`redis-server ended: ${output}`)));
    });
  }

  /** As when the machine loses power. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** The data on disk are gone, too. Only while it does not run. */
  forget(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    this.forget();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** @param more of the server's configuration. */
export async function startRedis(port?: number, more?: Record<string, string>): Promise<RedisServer> {
  if (spawnSync('redis-server', ['--version']).error) {
    throw new Error('These tests need redis-server, which is not installed: apt-get install redis-server');
  }
  const server = new RedisServer(port ?? (await freePort()), more);
  await server.start();
  return server;
}
