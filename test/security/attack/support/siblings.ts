import { MemoryStore } from 'express-session';
import type { AddressInfo, Server } from 'node:net';
import { createE2eClient, type E2eClient } from '../../../../src/client/index.js';
import { MemoryReplayGuard, type E2eOptions } from '../../../../src/index.js';
import { TestApp } from '../../../integration/e2e/support/apps.js';
import { BankController } from './bank.js';
import type { Harness } from './harness.js';
import { Proxy } from './proxy.js';

const SECRET = 'a secret that all of these servers share';

/** Servers that share their sessions, channels and windows, and before each of them a proxy of the attacker's. */
export interface Siblings {
  readonly proxies: readonly Proxy[];
  /** The real client, at the first of them. */
  readonly client: E2eClient;
}

/** Runs `attack` on two servers; what they share of the options is made once. */
export async function withSiblings(
  harness: Harness,
  attack: (siblings: Siblings) => Promise<void>,
  each: readonly E2eOptions[] = [{}, {}],
): Promise<void> {
  const shared: E2eOptions = {
    secret: SECRET,
    session: { secret: SECRET, store: new MemoryStore() },
    replayGuard: new MemoryReplayGuard(),
  };
  const closing: (() => unknown)[] = [];
  try {
    const proxies: Proxy[] = [];
    for (const options of each) {
      const app = await TestApp.start(harness.platform, {
        controllers: [BankController],
        e2e: { ...shared, keyPool: { size: 0 }, ...options },
      });
      closing.push(() => app.close());
      const { port } = (app.nest.getHttpServer() as Server).address() as AddressInfo;
      const proxy = await Proxy.before(`http://127.0.0.1:${port}`);
      closing.push(() => proxy.close());
      proxies.push(proxy);
    }
    const client = createE2eClient({ baseUrl: proxies[0]!.url, keyKind: 'X25519' });
    closing.push(() => client.close());
    await attack({ proxies, client });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}
