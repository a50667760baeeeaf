import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Controller, Get, Req } from '@nestjs/common';
import { MemoryStore, type SessionData } from 'express-session';
import { once } from 'node:events';
import { connect, type AddressInfo, type Server } from 'node:net';
import { Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, TestApp, type PlatformName } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { SECRET, SessionController, useOwnSession } from './support/sessions.js';

type Done = (error?: unknown, session?: SessionData | null) => void;

/** A store that falls silent for everything, the application's own sessions included, and comes back. */
class HangingStore extends MemoryStore {
  #held: (() => void)[] = [];
  silent: 'nothing' | 'reads' | 'writes' = 'nothing';
  /** How many sessions it has given out, and how many it has saved. */
  given = 0;
  saved = 0;

  override get(id: string, done: Done): void {
    this.#unless('reads', () => {
      this.given++;
      super.get(id, done);
    });
  }
  override touch(id: string, session: SessionData, done?: () => void): void {
    this.#unless('writes', () => super.touch(id, session, done));
  }
  override set(id: string, session: SessionData, done?: (error?: unknown) => void): void {
    this.#unless('writes', () =>
      super.set(id, session, (error?: unknown) => {
        done?.(error);
        this.saved++;
      }),
    );
  }
  /** How many calls wait for it to wake. */
  get held(): number {
    return this.#held.length;
  }
  /** Answers all that it has been asked, late. */
  wake(): void {
    this.silent = 'nothing';
    for (const ask of this.#held.splice(0)) ask();
  }
  #unless(silence: 'reads' | 'writes', ask: () => void): void {
    if (this.silent === silence) this.#held.push(ask);
    else ask();
  }
}

/** More than the kernel buffers between two sockets of this machine. */
const LONG = 16_000_000;

@Controller('long')
@Encrypted()
class LongController {
  @Get()
  long(@Req() { session }: { session: { seen?: boolean } }): string[] {
    session.seen = true;
    return ['x'.repeat(LONG)];
  }
}

const TIMEOUT = 300;

/** The timers of the server run as the test says. */
let pass: (milliseconds: number) => void;
beforeEach(() => {
  pass = stopTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function serve(platform: PlatformName, store: HangingStore): Promise<TestApp> {
  return TestApp.start(platform, {
    controllers: [SessionController, LongController],
    e2e: { secret: SECRET, storeTimeout: TIMEOUT },
    configure: (nest, on) => useOwnSession(nest, on, { store }),
  });
}

onEachPlatform('The application’s own session, whose store does not answer', (platform) => {
  it('is busy at the store’s timeout, for sealed requests and handshakes, and what comes late runs nothing', async () => {
    const store = new HangingStore();
    const app = await serve(platform, store);
    try {
      const visitor = app.visitor();
      const channel = await visitor.handshake('X25519');
      expect((await channel.request('POST', '/session/notes', json({ note: 'before' }))).status).toBe(201);

      store.silent = 'reads';
      let answered = 0;
      const replies = [
        channel.post(channel.message('POST', '/session/notes', json({ note: 'never' }))),
        channel.post(channel.message('GET', '/session/notes')),
        visitor.send({
          method: 'POST',
          target: '/e2e/handshake',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ publicKey: channel.pair.jwk }),
        }),
      ].map((reply) => reply.finally(() => answered++));
      await until(() => store.held === 3);
      pass(TIMEOUT - 1);
      // A whole exchange later nothing was answered.
      expect((await app.visitor().send({ target: '/e2e/identity' })).status).toBe(200);
      expect(answered).toBe(0);
      pass(1);
      for (const reply of await Promise.all(replies)) {
        expectPlainProblem(reply, 'busy');
        expect(reply.headers['retry-after']).toBe('1');
      }
      store.wake();
      for (const when of ['at once', 'an exchange later']) {
        const notes = await channel.request('GET', '/session/notes');
        expect([when, notes.status, JSON.parse(notes.text)]).toEqual([when, 200, ['before']]);
      }
      expect(app.log.text).not.toContain('ERR_HTTP_HEADERS_SENT');
    } finally {
      store.wake();
      await app.close();
    }
  });

  it('lets a body take as long as the client’s connection takes', async () => {
    const store = new HangingStore();
    const app = await serve(platform, store);
    try {
      const channel = await app.visitor().handshake('X25519');
      const { jwe } = channel.message('POST', '/session/notes', json({ note: 'slow' }));
      const before = store.given;
      const slowly = new ReadableStream({
        async start(controller) {
          const [head, tail] = [jwe.slice(0, 20), jwe.slice(20)];
          controller.enqueue(Buffer.from(head));
          await until(() => store.given > before);
          // What follows the session comes in the same turn, and after another exchange in any case.
          await app.visitor().send({ target: '/e2e/identity' });
          pass(3 * TIMEOUT);
          controller.enqueue(Buffer.from(tail));
          controller.close();
        },
      });
      const response = await fetch(`${app.url}/session/notes`, {
        method: 'POST',
        headers: { 'content-type': 'application/jose', cookie: String(channel.visitor.jar) },
        body: slowly,
        duplex: 'half',
      } as RequestInit);
      expect(response.status).toBe(201);
      expect(response.headers.get('content-type')).toBe('application/jose');
    } finally {
      await app.close();
    }
  });

  it('does not bound plain requests, which are the application’s own', async () => {
    const store = new HangingStore();
    const app = await serve(platform, store);
    try {
      const { visitor } = await app.visitor().handshake('X25519');
      store.silent = 'reads';
      const reply = visitor.send({ target: '/session/notes' });
      await until(() => store.held === 1);
      pass(3 * TIMEOUT);
      expect((await app.visitor().send({ target: '/e2e/identity' })).status).toBe(200);
      store.wake();
      expectPlainProblem(await reply, 'message-required');
    } finally {
      store.wake();
      await app.close();
    }
  });
});

it('On Express, a store that hangs when the session is saved cuts the response off at the timeout', async () => {
  const store = new HangingStore();
  const app = await serve('express', store);
  try {
    const channel = await app.visitor().handshake('X25519');
    store.silent = 'writes';
    const reply = channel.post(channel.message('GET', '/session/notes'));
    const failed = expect(reply).rejects.toThrow();
    await until(() => store.held === 1);
    pass(TIMEOUT);
    await failed;
    store.wake();
    expect((await channel.request('GET', '/session/notes')).status).toBe(200);
  } finally {
    store.wake();
    await app.close();
  }
});

it('On Express, a response whose session is saved in time takes as long as the client’s connection takes', async () => {
  const store = new HangingStore();
  const app = await serve('express', store);
  try {
    const channel = await app.visitor().handshake('X25519');
    const message = channel.message('GET', '/long');
    const before = store.saved;
    const { port } = (app.nest.getHttpServer() as Server).address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    const head = [`GET /long HTTP/1.1`, 'host: x', `cookie: ${String(channel.visitor.jar)}`, 'connection: close'];
    socket.write([...head, `e2e-request: ${message.jwe}`, '', ''].join('\r\n'));
    let length = 0;
    // Frames are made as the client takes them, and the session is saved with the last one.
    socket.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (store.saved > before) socket.pause();
    });
    await until(() => store.saved > before);
    pass(3 * TIMEOUT);
    socket.resume().removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => (length += chunk.length));
    await once(socket, 'close');
    expect(length).toBeGreaterThan(LONG);
  } finally {
    await app.close();
  }
});
