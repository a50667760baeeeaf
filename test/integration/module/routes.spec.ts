import { expect, it } from '@jest/globals';
import { Controller, Get, HostParam, Param, RequestMethod } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { E2eRoutes, Encrypted } from '../../../src/index.js';
import { e2eAgent, type E2eAgent, type E2eAgentOptions } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { expectPlainProblem } from '../e2e/support/raw.js';
import { moduleOf } from './support/nest.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
  @Get('by/:id')
  read(@Param('id') id: string): object {
    return { id };
  }
}

@Controller('health')
@Encrypted()
class HealthController {
  @Get()
  check(): object {
    return { up: true };
  }
}

/** The application as long as the test takes, and an agent for it. */
async function withApp(
  platform: 'express' | 'fastify',
  setup: Setup,
  test: (agent: E2eAgent, app: TestApp) => Promise<unknown>,
  options?: E2eAgentOptions,
): Promise<void> {
  const app = await TestApp.start(platform, setup);
  const agent = await e2eAgent(app.nest, options);
  try {
    await test(agent, app);
  } finally {
    await agent.close();
    await app.close();
  }
}

const listed = (app: TestApp): string[] =>
  app
    .get(E2eRoutes)
    .list()
    .map(({ path }) => path);

onEachPlatform('Sealed routes work, and are listed by their paths,', (platform) => {
  it('under a global prefix, and left out of it', async () => {
    const setup: Setup = {
      controllers: [NoteController, HealthController],
      configure: (nest) =>
        nest.setGlobalPrefix('api', { exclude: ['health', { path: 'notes/by/:id', method: RequestMethod.GET }] }),
    };
    await withApp(
      platform,
      setup,
      async (agent, app) => {
        await agent.get('/api/notes').expectSealed().expect(200, { notes: [] });
        await agent.get('/notes/by/7').expectSealed().expect(200, { id: '7' });
        await agent.get('/health').expectSealed().expect(200, { up: true });
        expect(listed(app)).toEqual(['/api/notes', '/notes/by/:id', '/health']);
      },
      { path: 'api/e2e' },
    );
  });

  it('in modules that RouterModule nests', async () => {
    const notes = moduleOf({ controllers: [NoteController] });
    const admin = moduleOf({ imports: [notes], controllers: [HealthController] });
    const tree = [{ path: 'admin', module: admin.module, children: [{ path: ':tenant', module: notes.module }] }];
    const setup: Setup = {
      imports: [admin, RouterModule.register(tree)],
      configure: (nest) => nest.setGlobalPrefix('v1'),
    };
    await withApp(
      platform,
      setup,
      async (agent, app) => {
        await agent.get('/v1/admin/acme/notes/by/7').expectSealed().expect(200, { id: '7' });
        await agent.get('/v1/admin/health').expectSealed().expect(200, { up: true });
        expect(listed(app).sort()).toEqual([
          '/v1/admin/:tenant/notes',
          '/v1/admin/:tenant/notes/by/:id',
          '/v1/admin/health',
        ]);
      },
      { path: 'v1/e2e' },
    );
  });
});

@Controller({ path: 'where', host: ':tenant.app.test' })
@Encrypted()
class TenantController {
  @Get()
  where(@HostParam('tenant') tenant: string): object {
    return { tenant };
  }
}

@Controller('where')
class EveryController {
  @Get()
  where(): object {
    return { tenant: 'none' };
  }
}

onEachPlatform('A controller that is bound to a host', (platform) => {
  // Fastify does not take the same path twice.
  const controllers = platform === 'express' ? [TenantController, EveryController] : [TenantController];

  it('is sealed there, and what has the same path elsewhere is as it says itself', async () => {
    await withApp(platform, { controllers }, async (_, app) => {
      const channel = await app.visitor().handshake('X25519');
      const from = (Host: string) => channel.request('GET', '/where', undefined, { headers: { Host } });
      expect(JSON.parse((await from('acme.app.test')).text)).toEqual({ tenant: 'acme' });

      const plain = (Host: string) => app.visitor().send({ target: '/where', headers: { Host } });
      expectPlainProblem(await plain('acme.app.test'), 'message-required');
      expect((await plain('elsewhere.test')).status).toBe(platform === 'express' ? 200 : 404);
      // On Express the message is opened by whoever answers; Nest's 404 on Fastify comes before anyone opened it.
      if (platform === 'express') expect((await from('elsewhere.test')).status).toBe(200);
      expect(listed(app)).toEqual(['/where']);
    });
  });
});
