import { afterEach, expect, it } from '@jest/globals';
import { MemoryStore } from 'express-session';
import { MemoryReplayGuard } from '../../../src/index.js';
import { json, type Message } from '../../external/conformance/channel.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { onEachPlatform, TestApp } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { COOKIE_SECRET, SECRET, SessionController } from './support/sessions.js';

const realNow = Date.now;
afterEach(() => {
  Date.now = realNow;
});

/** Windows with a clock that all servers share, as Redis has one. */
class GuardWithClock extends MemoryReplayGuard {
  time(): number {
    return realNow();
  }
}

onEachPlatform('Servers whose clocks differ', (platform) => {
  const serve = async (replayGuard: MemoryReplayGuard): Promise<[here: TestApp, there: TestApp]> => {
    const store = new MemoryStore();
    const start = () =>
      TestApp.start(platform, {
        controllers: [SessionController],
        e2e: { session: { store, secret: COOKIE_SECRET }, secret: SECRET, replayGuard },
      });
    return [await start(), await start()];
  };
  /** One server shakes hands, and another, whose clock is off, gets a message that is so old by the client's clock. */
  const ask = async ([here, there]: [TestApp, TestApp], off: number, age: number): Promise<number> => {
    const channel = await here.visitor().handshake('X25519');
    const elsewhere = Object.assign(there.visitor(), { jar: channel.visitor.jar });
    const iat = Math.floor(realNow() / 1000) - age;
    const message: Message = channel.message('POST', '/session/notes', json({ note: 'a' }), { iat });
    Date.now = () => realNow() + off * 1000;
    try {
      const headers = { 'content-type': 'application/jose' };
      const reply = await elsewhere.send({ method: 'POST', target: '/session/notes', headers, body: message.jwe });
      return channel.open(reply, message).status;
    } finally {
      Date.now = realNow;
    }
  };

  it('are compared with the shared one: a difference of 60 seconds rejects nobody and accepts nothing older', async () => {
    const servers = await serve(new GuardWithClock());
    try {
      for (const off of [-60, 60, -3600, 0]) {
        expect([off, await ask(servers, off, 0)]).toEqual([off, 201]);
        expect([off, await ask(servers, off, 295)]).toEqual([off, 201]);
        expect([off, await ask(servers, off, 305)]).toEqual([off, 400]);
        expect([off, await ask(servers, off, -25)]).toEqual([off, 201]);
        expect([off, await ask(servers, off, -35)]).toEqual([off, 400]);
      }
      const told = servers.flatMap((app) => app.log.ofModule).filter((line) => line.includes('seconds behind'));
      expect(told[0]).toContain('60 seconds behind');
    } finally {
      await Promise.all(servers.map((app) => app.close()));
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, '1800000000000', null])(
    'get %p from the shared one: busy, and no channel is made by it',
    async (time) => {
      const guard = new GuardWithClock();
      guard.time = () => time as number;
      const servers = await serve(guard);
      try {
        const body = JSON.stringify({ publicKey: nodeEngine.generateKeyPair('X25519').publicKey });
        const headers = { 'content-type': 'application/json' };
        const reply = await servers[0].visitor().send({ method: 'POST', target: '/e2e/handshake', headers, body });
        expectPlainProblem(reply, 'busy');
      } finally {
        await Promise.all(servers.map((app) => app.close()));
      }
    },
  );

  it('share none: what is ahead is refused, and the log says why', async () => {
    const servers = await serve(new MemoryReplayGuard());
    try {
      expect(await ask(servers, -45, 0)).toBe(400);
      const [told, ...more] = servers[1].log.ofModule.filter((line) => line.includes('clocks'));
      expect(told).toMatch(/^warn .*message-stale.*Synchronize them \(NTP\)/);
      expect(more).toEqual([]);
    } finally {
      await Promise.all(servers.map((app) => app.close()));
    }
  });
});
