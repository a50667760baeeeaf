import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from '@jest/globals';
import { onEachPlatform } from '../e2e/support/apps.js';
import { attacks } from './rows/index.js';
import { Lab } from './support/lab.js';

onEachPlatform('Whoever owns the proxy', (platform) => {
  for (const allowPlainJwe of [false, true]) {
    describe(allowPlainJwe ? 'before a server that takes plain messages too' : 'before a server', () => {
      let lab: Lab;
      beforeAll(async () => {
        lab = await Lab.start(platform, { allowPlainJwe });
      });
      afterAll(() => lab.app.close());
      beforeEach(() => lab.begin());
      afterEach(() => lab.end());

      for (const { attack, outcome, run } of Object.values(attacks)
        .flat()
        .filter(({ plainWay = false, once }) => plainWay === allowPlainJwe && !(once && platform === 'fastify'))) {
        it(`${attack}: ${outcome.replaceAll('*', '')}`, () => run(lab));
      }
    });
  }
});
