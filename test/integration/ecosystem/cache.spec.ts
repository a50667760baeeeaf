import { expect, it } from '@jest/globals';
import { CACHE_MANAGER, CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Inject, Module, Query, UseInterceptors, type DynamicModule } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { Cache } from 'cache-manager';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { e2eAgent, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';
import { modules } from './support/modules.js';

interface Found {
  readonly text: string;
  readonly run: number;
}

@Controller('notes')
@Encrypted()
class NoteController {
  #runs = 0;

  constructor(@Inject(CACHE_MANAGER) readonly cache: Cache) {}

  @Get()
  find(@Query('text') text: string): Found {
    return { text, run: ++this.#runs };
  }
}

@Controller('notes')
@Encrypted()
@UseInterceptors(CacheInterceptor)
class CachedController extends NoteController {}

/** The interceptor for every route there is. */
@Module({
  imports: [CacheModule.register({ isGlobal: true })],
  providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
})
class Everywhere {}

const e2e = (): DynamicModule => E2eModule.forRoot({ keyPool: { size: 0 } });
const cache = (): DynamicModule => CacheModule.register({ isGlobal: true });

onEachPlatform('@nestjs/cache-manager, its CacheInterceptor', (platform) => {
  it.each([
    ['as APP_INTERCEPTOR, before E2eModule', NoteController, () => modules(Everywhere, e2e())],
    ['as APP_INTERCEPTOR, after it', NoteController, () => modules(e2e(), Everywhere)],
    ['by @UseInterceptors(), before E2eModule', CachedController, () => modules(cache(), e2e())],
    ['by @UseInterceptors(), after it', CachedController, () => modules(e2e(), cache())],
  ])('%s: keeps plain values, which every client gets sealed for itself', async (_, controller, imports) => {
    const app = await TestApp.start(platform, { e2e: imports(), controllers: [controller] });
    try {
      const [ada, bob] = [await e2eAgent(app.url), await e2eAgent(app.url)];
      const ask = (agent: E2eAgent, text = CANARY) => agent.get('/notes').query({ text });
      const first = { text: CANARY, run: 1 };
      await ask(ada).expect(200, first).expect('x-cache', 'MISS');

      await ask(bob).expectSealed().expect(200, first).expect('x-cache', 'HIT');
      await ask(ada).expectSealed().expect(200, first).expect('x-cache', 'HIT');
      await ask(bob, 'other').expect(200, { text: 'other', run: 2 });

      // Whatever is in the cache is what handlers gave.
      const kept = await contentOf(app.get(controller).cache);
      expect(kept.filter(([key]) => key.startsWith('/notes'))).toEqual([
        [expect.stringMatching(/^\/notes\?e2e-query=[\w-]{22}$/), first],
        [expect.stringMatching(/^\/notes\?e2e-query=[\w-]{22}$/), { text: 'other', run: 2 }],
      ]);
    } finally {
      await app.close();
    }
  });

  it('as APP_INTERCEPTOR: leaves handshakes and identity as they are', async () => {
    const app = await TestApp.start(platform, { imports: [Everywhere], controllers: [NoteController] });
    try {
      for (let i = 0; i < 3; i++) {
        expect(await (await fetch(`${app.url}/e2e/identity`)).json()).toEqual({ keys: [] });
        await (await e2eAgent(app.url)).get('/notes').expectSealed().expect(200);
      }
    } finally {
      await app.close();
    }
  });
});

async function contentOf({ stores }: Cache): Promise<[string, unknown][]> {
  const content: [string, unknown][] = [];
  for (const { iterator } of stores) {
    for await (const [key, value] of iterator!({}) as AsyncIterable<[string, unknown]>) content.push([key, value]);
  }
  return content;
}
