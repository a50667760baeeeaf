import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  TRPCClientError,
  type TRPCClient,
} from '@trpc/client';
import { initTRPC, TRPCError } from '@trpc/server';
import { createExpressMiddleware } from '@trpc/server/adapters/express';
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify';
import { onEachPlatform, TestApp, type PlatformName, type Setup } from '../e2e/support/apps.js';
import { CANARY, expectPlainProblem } from '../e2e/support/raw.js';

interface Context {
  readonly user: string;
}

const called: string[] = [];
const trpc = initTRPC.context<Context>().create();
/** Parses its input as libraries for schemas do. */
const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new Error(`no text ${CANARY}`);
  return value;
};
const router = trpc.router({
  hello: trpc.procedure.input(text).query(({ input, ctx }) => {
    called.push('hello');
    return `${input} ${ctx.user} ${CANARY}`;
  }),
  add: trpc.procedure.input(text).mutation(({ input }) => {
    called.push('add');
    return { added: input };
  }),
  fail: trpc.procedure.query((): string => {
    throw new TRPCError({ code: 'FORBIDDEN', message: CANARY });
  }),
  later: trpc.procedure.query(async function* () {
    for (const each of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield `${each} ${CANARY}`;
    }
  }),
});
type AppRouter = typeof router;

async function mount(app: INestApplication, platform: PlatformName): Promise<void> {
  const createContext = ({ req }: { req: { headers: Record<string, unknown> } }): Context => ({
    user: String(req.headers['x-user']),
  });
  if (platform === 'express') {
    app.use('/trpc', createExpressMiddleware({ router, createContext: createContext as never }));
    return;
  }
  const trpcOptions = { router, createContext } as unknown as FastifyTRPCPluginOptions<AppRouter>['trpcOptions'];
  const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
  await fastify.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions });
}

const LINKS = { httpLink, httpBatchLink, httpBatchStreamLink };
type Outcome = unknown[];

/** What a client sees of all that the router can do. */
async function use(client: TRPCClient<AppRouter>): Promise<Outcome> {
  const seen: Outcome = await Promise.all([
    client.hello.query(`query ${CANARY}`),
    client.add.mutate(CANARY.repeat(100)),
    client.fail.query().catch(shapeOf),
    client.hello.query(7 as never).catch(shapeOf),
    (client as unknown as { none: { query: () => Promise<unknown> } }).none.query().catch(shapeOf),
  ]);
  return seen;
}

function shapeOf(error: unknown): unknown {
  if (!(error instanceof TRPCClientError)) throw error;
  const { code, httpStatus, path } = (error.data ?? {}) as Record<string, unknown>;
  return [error.message, code, httpStatus, path];
}

onEachPlatform('tRPC under a sealed path', (platform) => {
  const setup = (e2e: Setup['e2e']): Setup => ({ e2e, configure: (app) => mount(app, platform) });
  let [sealed, plain]: [TestApp?, TestApp?] = [];
  beforeAll(async () => {
    sealed = await TestApp.start(platform, setup({ sealedPaths: ['/trpc'] }));
    plain = await TestApp.start(platform, setup(false));
  });
  afterAll(async () => {
    await sealed?.close();
    await plain?.close();
  });
  beforeEach(() => void (called.length = 0));

  const clientOf = (app: TestApp, name: keyof typeof LINKS, fetcher: typeof fetch): TRPCClient<AppRouter> =>
    createTRPCClient<AppRouter>({
      links: [LINKS[name]({ url: `${app.url}/trpc`, fetch: fetcher, headers: { 'x-user': 'ada' } })],
    });

  it.each(Object.keys(LINKS) as (keyof typeof LINKS)[])('by %s does what it does in the clear', async (name) => {
    const client = sealed!.client();
    await client.handshake();
    sealed!.tap.clear();
    const outcome = await use(clientOf(sealed!, name, client.fetch));
    const wire = sealed!.tap.text;
    expect(outcome).toEqual(await use(clientOf(plain!, name, fetch)));
    expect(outcome[0]).toBe(`query ${CANARY} ada ${CANARY}`);
    expect(wire.includes(CANARY)).toBe(false);
  });

  it('streams what comes in pieces', async () => {
    const pieces: string[] = [];
    const client = clientOf(sealed!, 'httpBatchStreamLink', sealed!.client().fetch);
    for await (const piece of await client.later.query()) pieces.push(piece);
    expect(pieces).toEqual([`1 ${CANARY}`, `2 ${CANARY}`, `3 ${CANARY}`]);
  });

  it.each(['/trpc/hello?input=%22x%22', '/trpc/hello,add?batch=1', '/trpc', '/TRPC/add'])(
    'calls nothing for a plain %s',
    async (target) => {
      for (const method of ['GET', 'POST']) {
        const body = method === 'POST' ? { body: '"x"' } : {};
        const headers = { 'Content-Type': 'application/json' };
        expectPlainProblem(await sealed!.visitor().send({ method, target, headers, ...body }), 'message-required');
      }
      expect(called).toEqual([]);
    },
  );
});
