import { expect, it } from '@jest/globals';
import fastifyCompress from '@fastify/compress';
import { Controller, Get, Module, type DynamicModule, type MiddlewareConsumer } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { onEachPlatform, TestApp, type PlatformName, type Setup } from '../e2e/support/apps.js';
import { modules } from './support/modules.js';

const LONG = 'text '.repeat(2000);

@Controller('notes')
class NoteController {
  @Get('sealed')
  @Encrypted()
  sealed(): object {
    return { text: LONG };
  }
  @Get('plain')
  plain(): object {
    return { text: LONG };
  }
}

/** A module that brings the middleware, as a root module's `configure` does. */
@Module({})
class CompressionModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(compression({ threshold: 0 })).forRoutes('{*path}');
  }
}
const e2e = (): DynamicModule => E2eModule.forRoot({ keyPool: { size: 0 } });

function compressed(): FastifyAdapter {
  const adapter = new FastifyAdapter();
  void adapter.getInstance().register(fastifyCompress, { threshold: 0 });
  return adapter;
}

/** Where it can stand. */
const ORDERS: Record<PlatformName, Record<string, Setup>> = {
  express: {
    'in main.ts': { configure: (nest) => nest.use(compression({ threshold: 0 })) },
    'in a module before E2eModule': { e2e: modules(CompressionModule, e2e()) },
    'in a module after it': { e2e: modules(e2e(), CompressionModule) },
  },
  fastify: {
    'in main.ts': {
      configure: (nest) => (nest as NestFastifyApplication).register(fastifyCompress, { threshold: 0 }),
    },
    'before the application': { fastify: compressed },
  },
};

onEachPlatform('compression and @fastify/compress', (platform) => {
  it.each(Object.keys(ORDERS[platform]))('%s: compress plain answers, and no sealed one', async (where) => {
    const app = await TestApp.start(platform, { controllers: [NoteController], ...ORDERS[platform][where] });
    try {
      for (const encoding of ['gzip', 'br', 'deflate']) {
        const headers = { 'accept-encoding': encoding };
        const plain = await app.visitor().send({ target: '/notes/plain', headers });
        expect(plain.headers['content-encoding']).toBe(encoding);
        const channel = await app.visitor().handshake('X25519');
        const { wire, text } = await channel.request('GET', '/notes/sealed', undefined, { headers });
        expect(wire.headers).not.toHaveProperty('content-encoding');
        expect(wire.body.length).toBeGreaterThan(LONG.length);
        expect(JSON.parse(text)).toEqual({ text: LONG });
      }
    } finally {
      await app.close();
    }
  });
});
