import { expect, it } from '@jest/globals';
import { Controller, Get, Req } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import express, { type NextFunction, type Request, type Response } from 'express';
import session from 'express-session';
import { Plain } from '../../../src/index.js';
import { onEachPlatform, TestApp, useApp, type PlatformName, type Setup } from '../e2e/support/apps.js';
import { CANARY, postJson } from '../e2e/support/raw.js';

const ORIGIN = 'https://page.example';
const ran: string[] = [];

@Controller()
@Plain()
class AnyController {
  @Get([':any', ':any/:more'])
  any(@Req() request: { url: string }): string {
    ran.push(request.url);
    return CANARY;
  }
}

const mount: Setup['configure'] = (app, platform) => {
  app.enableCors({ origin: ORIGIN, credentials: true });
  if (platform === 'express') {
    const own = app as NestExpressApplication;
    own.use('/sealed', express.json(), (request: Request, response: Response) => {
      ran.push(request.url);
      response.json({ echoed: request.body as unknown });
    });
    return;
  }
  const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
  fastify.route({
    url: '/sealed',
    method: ['GET', 'POST', 'OPTIONS'],
    handler: ({ url, body }) => {
      ran.push(url);
      return { echoed: body };
    },
  });
};

onEachPlatform('Around a sealed path', (platform) => {
  const app = useApp(platform, { e2e: { sealedPaths: ['/sealed'], maxBodyDepth: 4 }, configure: mount });

  it('a page of another origin learns why its call was rejected, and its preflight reaches no handler', async () => {
    ran.length = 0;
    const headers = { origin: ORIGIN, 'access-control-request-method': 'POST', 'content-type': 'application/json' };
    const preflight = await fetch(`${app().url}/sealed`, { method: 'OPTIONS', headers, body: '{}' });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
    for (const init of [postJson({}), { headers: { 'e2e-request': 'x' } }]) {
      const refused = await fetch(`${app().url}/sealed`, { ...init, headers: { ...init.headers, origin: ORIGIN } });
      expect(refused.headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect([415, 400]).toContain(refused.status);
    }
    expect(ran).toEqual([]);
  });

  it('a body of an unsafe shape is refused, sealed', async () => {
    const client = app().client();
    const deep = '{"a":{"b":{"c":{"d":{"e":1}}}}}';
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: deep };
    // What is mounted before the module on Express reads the body by itself, and within its own limits.
    const expected = platform === 'express' ? 200 : 400;
    expect((await client.fetch('sealed', init)).status).toBe(expected);
  });

  it('a message is taken once', async () => {
    const channel = await app().visitor().handshake('X25519');
    const { jwe } = channel.message('GET', '/sealed');
    const send = () => channel.visitor.send({ target: '/sealed', headers: { 'E2e-Request': jwe } });
    ran.length = 0;
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(409);
    expect(ran).toHaveLength(1);
  });

  it('a route with parameters that is @Plain() does not open it', async () => {
    const open = await TestApp.start(platform, {
      e2e: { sealedPaths: ['/sealed'] },
      controllers: [AnyController],
    });
    ran.length = 0;
    expect((await fetch(`${open.url}/sealed`)).status).toBe(415);
    expect(ran.filter((url) => url.startsWith('/sealed'))).toEqual([]);
    open.tap.clear();
    expect(await (await open.client().fetch('sealed/x')).text()).toBe(CANARY);
    expect(open.tap.text.includes(CANARY)).toBe(false);
    await open.close();
  });
});

/** What stands before the module's middleware, with a session of these makers. */
async function startWith(platform: PlatformName, use: (app: NestExpressApplication) => void): Promise<TestApp> {
  return TestApp.start(platform, {
    e2e: { sealedPaths: ['/sealed'], session: false, secret: 'x'.repeat(32) },
    configure: (app) => {
      use(app as NestExpressApplication);
      app.use('/sealed/early', (request: Request, response: Response) => {
        ran.push(request.url);
        response.send(CANARY);
      });
    },
    middleware: (consumer) =>
      consumer
        .apply((request: Request, response: Response, next: NextFunction) => {
          if (`${request.baseUrl}${request.path}`.startsWith('/sealed/late')) {
            ran.push(request.url);
            response.json(request.body ?? { read: 'nothing' });
          } else next();
        })
        .forRoutes('{*all}'),
  });
}

const own = (): ReturnType<typeof session> => session({ secret: 'cookies', resave: false, saveUninitialized: false });

it.each<[string, (app: NestExpressApplication) => void]>([
  ["express-session's", (app) => void app.use(own())],
  [
    'a function around it, by its name',
    (app) => {
      const inner = own();
      app.use(function session(request: Request, response: Response, next: NextFunction) {
        inner(request, response, next);
      });
    },
  ],
  [
    "a parent application's",
    (app) => {
      const inner = own();
      const instance = app.getHttpAdapter().getInstance() as unknown as {
        handle: (request: Request, response: Response, next: NextFunction) => void;
      };
      const handle = instance.handle.bind(instance);
      instance.handle = (request: Request, response: Response, next: NextFunction) =>
        inner(request, response, () => handle(request, response, next));
    },
  ],
])("a session of the application's own is found: %s", async (_, use) => {
  const app = await startWith('express', use);
  expect(await (await app.client().fetch('sealed/early')).text()).toBe(CANARY);
  expect(await (await app.client().fetch('sealed/late', postJson({ a: 1 }))).json()).toEqual({ a: 1 });
  await app.close();
});

it('where the session of the application shows nowhere, nobody gets a message unopened', async () => {
  const app = await startWith('express', (nest) => {
    const inner = own();
    nest.use((request: Request, response: Response, next: NextFunction) => inner(request, response, next));
  });
  ran.length = 0;
  for (const target of ['/sealed/early?query=mutation', '/sealed/late']) {
    const response = await fetch(`${app.url}${target}`, { headers: { 'e2e-request': 'x' } });
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('urn:e2e:problem:busy')]);
    const error = await app
      .client()
      .fetch(target.slice(1), postJson({ a: 1 }))
      .catch((reason: unknown) => reason);
    expect((error as { status?: number }).status).toBe(503);
  }
  expect(ran).toEqual([]);
  expect(app.log.ofModule.filter((line) => line.includes('name the function around it "session"'))).toHaveLength(1);
  await app.close();
});
