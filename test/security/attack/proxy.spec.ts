import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from '@jest/globals';
import { onEachPlatform } from '../../integration/e2e/support/apps.js';
import { attacks } from './rows/index.js';
import type { Row } from './rows/row.js';
import { Harness } from './support/harness.js';

const SERVERS: [name: string, needs: Pick<Row, 'plainWay' | 'device'>][] = [
  ['before a server', {}],
  ['before a server that takes plain messages too', { plainWay: true }],
  ['before a server that requires device keys', { device: true }],
];

onEachPlatform('Whoever owns the proxy', (platform) => {
  for (const [name, { plainWay = false, device = false }] of SERVERS) {
    const rows = Object.values(attacks)
      .flat()
      .filter((row) => (row.plainWay ?? false) === plainWay && (row.device ?? false) === device)
      .filter((row) => platform === 'express' || !row.once);
    if (rows.length === 0) continue;

    describe(name, () => {
      let harness: Harness;
      beforeAll(async () => {
        harness = await Harness.start(platform, { allowPlainJwe: plainWay, device });
      });
      afterAll(() => harness.app.close());
      beforeEach(() => harness.begin());
      afterEach(() => harness.end());

      for (const { attack, outcome, run } of rows) {
        it(`${attack}: ${outcome.replaceAll('*', '')}`, () => run(harness));
      }
    });
  }
});
