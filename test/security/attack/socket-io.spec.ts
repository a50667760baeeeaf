import { afterAll, afterEach, beforeAll, beforeEach, it } from '@jest/globals';
import { E2eIoAdapter } from '../../../src/socket.io/index.js';
import { onEachPlatform } from '../../integration/e2e/support/apps.js';
import { headRows, messageRows } from './rows/sockets.js';
import { BankIoGateway, OtherIoGateway } from './support/bank-io-gateway.js';
import { Harness } from './support/harness.js';
import { socketIo } from './support/socket-stack.js';

// What docs/attacks.md lists of sockets, once more over those of socket.io.
onEachPlatform('Whoever owns the proxy, before a server of socket.io', (platform) => {
  let harness: Harness;
  beforeAll(async () => {
    const gateways = [BankIoGateway, OtherIoGateway];
    harness = await Harness.start(platform, { gateways, adapter: (nest) => new E2eIoAdapter(nest) });
  });
  afterAll(() => harness.app.close());
  beforeEach(() => harness.begin());
  afterEach(() => harness.end());

  // What becomes of messages is the same whatever platform took the upgrade.
  const rows = [...(platform === 'express' ? messageRows(socketIo) : []), ...headRows(socketIo)];
  for (const { attack, outcome, run } of rows) {
    it(`${attack}: ${outcome.replaceAll('*', '')}`, () => run(harness));
  }
});
