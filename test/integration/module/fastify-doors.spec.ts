import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import dns from 'node:dns';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { Visitor } from '../../external/conformance/channel.js';
import { CANARY, expectPlainProblem } from '../e2e/support/raw.js';
import { createNest } from './support/nest.js';

// Fastify listens to each address of `localhost` with a server of its own, and Nest knows only the first one.

@Controller()
@Encrypted()
class NoteController {
  static ran = 0;
  @Get(['notes', 'sealed'])
  list(): object {
    NoteController.ran++;
    return {};
  }
}

const ORIGIN = 'https://page.example';
const stops = (request: IncomingMessage, at: string): boolean => request.headers['x-at'] === at;

@Module({
  imports: [E2eModule.forRoot({ keyPool: { size: 0 }, sealedPaths: ['/sealed'] })],
  controllers: [NoteController],
})
class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        if (stops(request, 'consumer.apply')) response.end(CANARY);
        else next();
      })
      .forRoutes('{*all}');
  }
}

/** The addresses that `localhost` has on most machines, as far as this one has them. */
const ADDRESSES = ['127.0.0.1', '::1'].filter((address) =>
  Object.values(networkInterfaces()).some((each) => each?.some((one) => one.address === address)),
);

type Lookup = (name: string, options: object, done: (error: null, found: object[]) => void) => void;

/** Has `localhost` resolve to all of them: whether it does is up to the machine. */
function resolveLocalhost(): void {
  const lookup = dns.lookup as unknown as Lookup;
  jest.spyOn(dns, 'lookup').mockImplementation(((...[name, options, done]: Parameters<Lookup>) => {
    const isAll = name === 'localhost' && (options as { all?: boolean }).all;
    if (!isAll) lookup(name, options, done);
    else {
      done(
        null,
        ADDRESSES.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }
  }) as unknown as typeof dns.lookup);
}

/** By name: each address of `localhost`, and a server of the application's own. */
const DOORS = [...ADDRESSES, 'routing'];

describe.each(DOORS)('A request that comes to Fastify by %s', (door) => {
  let [app, server, url]: [NestFastifyApplication?, Server?, string?] = [];
  beforeAll(async () => {
    resolveLocalhost();
    const adapter = new FastifyAdapter();
    // `NestFactory.create()` registers middie, and so the middleware, before this.
    adapter.getInstance().addHook('onRequest', (request, reply, done) => {
      if (stops(request.raw, 'onRequest')) reply.send(CANARY);
      else done();
    });
    const { nest } = await createNest({ module: AppModule }, adapter as unknown as ExpressAdapter);
    app = nest as NestFastifyApplication;
    app.enableCors({ origin: ORIGIN });
    const instance = app.getHttpAdapter().getInstance();
    void instance.register((plugin, _, done) => {
      plugin.addHook('onRequest', (request, reply, next) => {
        if (stops(request.raw, 'plugin')) reply.send(CANARY);
        else next();
      });
      plugin.get('/sealed/plugin', () => String(++NoteController.ran));
      done();
    });
    await app.listen(0);
    const { port } = app.getHttpServer().address() as AddressInfo;
    url = `http://${door.includes(':') ? `[${door}]` : door}:${port}`;
    if (door !== 'routing') return;
    server = createServer((request, response) => instance.routing(request, response));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server?.close().closeAllConnections();
    await app?.close();
    jest.restoreAllMocks();
  });

  const STOPS = ['onRequest', 'consumer.apply', 'plugin'];

  it.each(STOPS)('is answered without a word in the clear, if it is sealed, at %s', async (at) => {
    const channel = await new Visitor(url!).handshake('X25519');
    const target = at === 'plugin' ? '/sealed/plugin' : '/notes';
    const message = channel.message('GET', target);
    const reply = await channel.post(message, { headers: { 'x-at': at } });
    expect(reply).toMatchObject({ status: 500, body: '' });
    // It is not the request itself that is refused.
    const other = channel.message('GET', '/notes');
    expect(channel.open(await channel.post(other), other).status).toBe(200);
  });

  it.each(STOPS)('is refused under a sealed path, if it is plain, at %s', async (at) => {
    const { ran } = NoteController;
    for (const target of ['/sealed', '/sealed/plugin']) {
      const reply = await new Visitor(url!).send({ target, headers: { 'x-at': at } });
      expectPlainProblem(reply, 'message-required');
    }
    expect(NoteController.ran).toBe(ran);
  });

  it('is refused readably for a page of another origin, and reaches no handler, whoever has the route', async () => {
    const { ran } = NoteController;
    for (const target of ['/sealed', '/sealed/plugin']) {
      const reply = await new Visitor(url!).send({ target, headers: { origin: ORIGIN } });
      expectPlainProblem(reply, 'message-required');
      expect(reply.headers['access-control-allow-origin']).toBe(ORIGIN);
    }
    expect(NoteController.ran).toBe(ran);
  });
});
