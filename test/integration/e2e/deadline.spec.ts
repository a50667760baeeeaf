import { expect, it } from '@jest/globals';
import { MemoryStore, type SessionData } from 'express-session';
import { once } from 'node:events';
import { connect, type AddressInfo, type Server } from 'node:net';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, TestApp, type PlatformName } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { SECRET, SessionController, useOwnSession } from './support/sessions.js';

type Done = (error?: unknown, session?: SessionData | null) => void;

/** A store that falls silent for everything, the application's own sessions included, and comes back. */
class HangingStore extends MemoryStore {
  #held: (() => void)[] = [];
  silent: 'nothing' | 'reads' | 'writes' = 'nothing';

  override get(id: string, done: Done): void {
    this.#unless('reads', () => super.get(id, done));
  }
  override touch(id: string, session: SessionData, done?: () => void): void {
    this.#unless('writes', () => super.touch(id, session, done));
  }
  override set(id: string, session: SessionData, done?: (error?: unknown) => void): void {
    this.#unless('writes', () => super.set(id, session, done));
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

const TIMEOUT = 300;

function serve(platform: PlatformName, store: HangingStore): Promise<TestApp> {
  return TestApp.start(platform, {
    controllers: [SessionController],
    e2e: { secret: SECRET, storeTimeout: TIMEOUT },
    configure: (nest, on) => useOwnSession(nest, on, store),
  });
}

onEachPlatform('The application’s own session, whose store does not answer', (platform) => {
  it('is busy within the store’s time, for sealed requests and handshakes, and what comes late runs nothing', async () => {
    const store = new HangingStore();
    const app = await serve(platform, store);
    try {
      const visitor = app.visitor();
      const channel = await visitor.handshake('X25519');
      expect((await channel.request('POST', '/session/notes', json({ note: 'before' }))).status).toBe(201);

      store.silent = 'reads';
      const from = Date.now();
      const [posted, asked, shaken] = await Promise.all([
        channel.post(channel.message('POST', '/session/notes', json({ note: 'never' }))),
        channel.post(channel.message('GET', '/session/notes')),
        visitor.send({
          method: 'POST',
          target: '/e2e/handshake',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ publicKey: channel.pair.jwk }),
        }),
      ]);
      expect(Date.now() - from).toBeLessThan(TIMEOUT + 1500);
      for (const reply of [posted, asked, shaken]) {
        expectPlainProblem(reply, 'busy');
        expect(reply.headers['retry-after']).toBe('1');
      }
      store.wake();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const notes = await channel.request('GET', '/session/notes');
      expect([notes.status, JSON.parse(notes.text)]).toEqual([200, ['before']]);
      expect(app.log.text).not.toContain('ERR_HTTP_HEADERS_SENT');
    } finally {
      store.wake();
      await app.close();
    }
  });

  it('lets a body take as long as the client’s line takes', async () => {
    const app = await serve(platform, new HangingStore());
    try {
      const channel = await app.visitor().handshake('X25519');
      const { jwe } = channel.message('POST', '/session/notes', json({ note: 'slow' }));
      const slowly = new ReadableStream({
        async start(controller) {
          const [head, tail] = [jwe.slice(0, 20), jwe.slice(20)];
          controller.enqueue(Buffer.from(head));
          await new Promise((resolve) => setTimeout(resolve, 3 * TIMEOUT));
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
      setTimeout(() => store.wake(), 3 * TIMEOUT);
      expectPlainProblem(await reply, 'message-required');
    } finally {
      store.wake();
      await app.close();
    }
  });
});

it('On Express, a store that hangs when the session is to be kept breaks the answer off, in time', async () => {
  const store = new HangingStore();
  const app = await serve('express', store);
  try {
    const channel = await app.visitor().handshake('X25519');
    store.silent = 'writes';
    const from = Date.now();
    await expect(channel.post(channel.message('GET', '/session/notes'))).rejects.toThrow();
    expect(Date.now() - from).toBeLessThan(TIMEOUT + 1500);
    store.wake();
    expect((await channel.request('GET', '/session/notes')).status).toBe(200);
  } finally {
    store.wake();
    await app.close();
  }
});

it('On Express, an answer that is kept in time takes as long as the client’s line takes', async () => {
  const app = await serve('express', new HangingStore());
  try {
    const channel = await app.visitor().handshake('X25519');
    const note = 'x'.repeat(1_000_000);
    for (let count = 0; count < 12; count++) await channel.request('POST', '/session/notes', json({ note }));
    const message = channel.message('GET', '/session/notes');
    const { port } = (app.nest.getHttpServer() as Server).address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    const head = [
      `GET /session/notes HTTP/1.1`,
      'host: x',
      `cookie: ${String(channel.visitor.jar)}`,
      'connection: close',
    ];
    socket.write([...head, `e2e-request: ${message.jwe}`, '', ''].join('\r\n'));
    const first = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 3 * TIMEOUT));
    let length = first[0].length;
    socket.on('data', (chunk: Buffer) => (length += chunk.length));
    socket.resume();
    await once(socket, 'close');
    expect(length).toBeGreaterThan((4 / 3) * 12_000_000);
  } finally {
    await app.close();
  }
});
