import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { PlatformName } from '../../../integration/e2e/support/apps.js';
import { calls, SECRET_BALANCE } from './bank.js';

interface Answering {
  json(value: unknown): unknown;
}

/** Where what no controller serves is sealed by its path. */
export const VAULT = '/vault';

/** Mounts it by hand, as applications mount GraphQL servers, routers and plugins. */
export async function mountVault(app: INestApplication, platform: PlatformName): Promise<void> {
  const answer = (): unknown => {
    calls.push({ route: 'vault' });
    return { balance: SECRET_BALANCE };
  };
  if (platform === 'express') {
    app.use(VAULT, (_: unknown, response: Answering) => response.json(answer()));
    return;
  }
  const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
  await fastify.register(
    (plugin, _, done) => {
      for (const path of ['/', '/*']) plugin.all(path, answer);
      done();
    },
    { prefix: VAULT },
  );
}
