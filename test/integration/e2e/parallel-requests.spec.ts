import { expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { MemoryStore, type SessionData } from 'express-session';
import { Encrypted, MemoryReplayGuard } from '../../../src/index.js';
import { onEachPlatform, TestApp } from './support/apps.js';
import { COOKIE_SECRET, SECRET } from './support/sessions.js';

@Encrypted()
@Controller('notes')
class NoteController {
  @Get()
  list(): object {
    return [];
  }
}

/** As a client of Redis: the replies that came in one packet are handed out one after the other. */
class BatchingStore extends MemoryStore {
  readonly #waiting: (() => void)[] = [];

  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    const { sessions } = this as unknown as { readonly sessions: Readonly<Record<string, string | undefined>> };
    if (this.#waiting.length === 0) {
      setTimeout(() => this.#waiting.splice(0).forEach((reply) => reply()), 15);
    }
    this.#waiting.push(() => done(null, JSON.parse(sessions[id] ?? 'null') as SessionData | null));
  }
}

onEachPlatform('The first requests of a channel, all at once', (platform) => {
  it.each(['P-256', 'RSA'] as const)('are all served by a server that has not seen it before (%s)', async (keyKind) => {
    const [store, replayGuard] = [new BatchingStore(), new MemoryReplayGuard()];
    const start = (): Promise<TestApp> =>
      TestApp.start(platform, {
        controllers: [NoteController],
        e2e: { session: { store, secret: COOKIE_SECRET }, secret: SECRET, replayGuard, deviceBinding: 'required' },
      });
    const [here, there] = [await start(), await start()];
    try {
      const client = here.client({
        keyKind,
        deviceKey: true,
        fetch: (input, init) => {
          const url = input as string;
          return fetch(url.endsWith('/handshake') ? url : url.replace(here.url, there.url), init);
        },
      });
      await client.handshake();
      const responses = await Promise.all(Array.from({ length: 6 }, () => client.fetch('notes')));
      expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 200));
    } finally {
      await Promise.all([here.close(), there.close()]);
    }
  });
});
