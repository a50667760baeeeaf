import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createE2eClient, type E2eClient, type E2eClientOptions } from '../../../../src/client/index.js';
import { freePort } from '../../../support/free-port.js';
import type { ServerSetup } from '../fixture/server.js';
import { Balancer, type Passed } from './balancer.js';
import { Link } from './link.js';
import { startRedis, type RedisServer } from './redis.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export type ClusterOptions = Partial<
  Pick<ServerSetup, 'platform' | 'storeTimeout' | 'windows' | 'durable' | 'streamCheckInterval' | 'sockets'>
> & {
  /** One for each server. */
  readonly sessions?: readonly ServerSetup['session'][];
  /** Seconds by which each server's clock is wrong. */
  readonly clocks?: readonly number[];
};

export interface Mark {
  readonly passed: number;
  readonly journal: number;
}

/** A server of the application, in a process of its own. */
export class AppServer {
  #process: ChildProcess | undefined;
  /** All that it wrote. */
  output = '';

  constructor(readonly setup: ServerSetup) {}

  async start(): Promise<void> {
    const child = fork(here('../fixture/server.ts'), {
      execArgv: ['--import', here('../../../security/attack/support/typescript.mjs')],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    const isReady = Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`the server ended: ${this.output}`);
      }),
    ]);
    child.send(this.setup);
    await isReady;
  }

  /** As `kill -9`, with whatever it was doing. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => {
      this.output += 'It did not end, and was killed.\n';
      child.kill('SIGKILL');
    }, 60_000);
    await gone;
    clearTimeout(late);
  }

  /** In peace: SIGTERM, after which it answers what it has begun. */
  async restart(): Promise<void> {
    await this.kill('SIGTERM');
    await this.start();
  }
}

/** Three servers of one application behind a load balancer, and a Redis behind a link that can break. */
export class Cluster {
  readonly #clients: E2eClient[] = [];

  private constructor(
    readonly redis: RedisServer,
    readonly link: Link,
    readonly servers: readonly AppServer[],
    readonly balancer: Balancer,
    private readonly folder: string,
  ) {}

  static async start({
    // Far more than a busy machine needs: what tests that, gives its own.
    storeTimeout = 10_000,
    windows = 'in Redis',
    durable = false,
    streamCheckInterval,
    sockets,
    platform,
    clocks = [],
    sessions = ['of the module', 'of the application', 'of the module'],
  }: ClusterOptions = {}): Promise<Cluster> {
    const redis = await startRedis();
    const link = await Link.to(redis.port);
    const folder = mkdtempSync(join(tmpdir(), 'e2e-cluster-'));
    const journal = join(folder, 'journal');
    writeFileSync(journal, '');
    const secret = randomBytes(32).toString('base64url');
    const servers: AppServer[] = [];
    for (const [index, session] of sessions.entries()) {
      const shared = {
        secret,
        storeTimeout,
        windows,
        durable,
        streamCheckInterval,
        sockets,
        platform,
        journal,
        redisUrl: link.url,
      };
      const setup = { ...shared, session, clock: clocks[index] ?? 0 };
      servers.push(new AppServer({ ...setup, name: `server ${index}`, port: await freePort() }));
    }
    await Promise.all(servers.map((server) => server.start()));
    const balancer = await Balancer.before(servers.map(({ setup }) => setup.port));
    return new Cluster(redis, link, servers, balancer, folder);
  }

  /** The real client, before the balancer. */
  client(options: E2eClientOptions = {}): E2eClient {
    const client = createE2eClient({ baseUrl: this.balancer.url, keyKind: 'X25519', ...options });
    this.#clients.push(client);
    return client;
  }

  /** The ids of all writes that were carried out, in their order. */
  get journal(): string[] {
    return readFileSync(join(this.folder, 'journal'), 'utf8').split('\n').filter(Boolean);
  }

  /** This moment: what is counted from here on leaves out what was before. */
  mark(): Mark {
    return { passed: this.balancer.passed.length, journal: this.journal.length };
  }

  /** The requests since then. */
  passedSince(mark: Mark): readonly Passed[] {
    return this.balancer.passed.slice(mark.passed);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.balancer.close();
    await Promise.all(this.servers.map((server) => server.kill()));
    await this.link.close();
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
