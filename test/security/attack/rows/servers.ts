import { expect } from '@jest/globals';
import { MemoryReplayGuard } from '../../../../src/index.js';
import { MAX_AGE_SECONDS } from '../../../../src/protocol/message.js';
import { Visitor } from '../../../external/conformance/channel.js';
import { Jar } from '../../../external/conformance/wire.js';
import { letTimePass } from '../../../support/clock.js';
import { heldHandshake } from '../support/held.js';
import { post, refusalOf } from '../support/harness.js';
import type { Passing } from '../support/proxy.js';
import { withSiblings } from '../support/siblings.js';
import type { Row } from './row.js';

const TRANSFER = '/bank/transfer';
/** Somebody else at the same server, with this cookie if any. */
function visitorAt(url: string, cookie?: string): Visitor {
  const jar = new Jar();
  if (cookie) jar.take({ status: 0, headers: { 'set-cookie': [cookie] }, rawHeaders: [], body: '' });
  return new Visitor(url, jar);
}

/** Windows with a clock that all servers share, as Redis has one. */
class GuardWithClock extends MemoryReplayGuard {
  readonly #now = Date.now;
  /** Seconds that have passed by it since. */
  passed = 0;
  time(): number {
    return this.#now() + this.passed * 1000;
  }
}

export const serverRows: readonly Row[] = [
  {
    attack: 'sends a request once more, to another server of the same application',
    outcome: 'the copy is `message-replayed`, sealed: windows are shared; the handler ran once',
    run: (harness) =>
      withSiblings(harness, async ({ client, proxies: [here, there] }) => {
        await client.fetch(TRANSFER, post({ amount: 1 }));
        const copy = await there!.forward(here!.last(TRANSFER));
        expect([copy.status, copy.headers['content-type']]).toEqual([409, 'application/jose']);
        expect(harness.ran).toEqual(['transfer']);
      }),
  },
  {
    attack:
      'waits until the windows are lost or come back older (a restart, a failover, a restored backup), and sends it',
    outcome: '`handshake-required`, sealed: an older window is not trusted, and only a handshake creates a new one',
    run: (harness) =>
      withSiblings(
        harness,
        async ({ client, proxies: [here, there] }) => {
          await client.fetch(TRANSFER, post({ amount: 1 }));
          const copy = await there!.forward(here!.last(TRANSFER));
          expect([copy.status, copy.headers['content-type']]).toEqual([428, 'application/jose']);
          expect(harness.ran).toEqual(['transfer']);
        },
        // The session store is still there, and with it the channel; how Redis tells its older states apart: test/external/redis.
        [{}, { replayGuard: new MemoryReplayGuard() }],
      ),
  },
  {
    attack:
      'has the cookie, and handshakes under way at every server while the client’s session is revoked, and goes on with what it got',
    outcome: '`handshake-required` for every channel from before; a channel from after belongs to a new handshake',
    run: (harness) =>
      withSiblings(harness, async ({ client, proxies: [here, there] }) => {
        await client.fetch('/bank/login', post({ owner: 'alice' }));
        await client.fetch('/bank/owner');
        const cookie = String(here!.last('/bank/owner').headers.cookie);
        const urls = [here!.url, there!.url];
        const before = await Promise.all(urls.map((url) => visitorAt(url, cookie).handshake('X25519')));
        let isRevoked = false;
        const during = urls.map(async (url) => {
          const made = [];
          while (!isRevoked) made.push(await visitorAt(url, cookie).handshake('X25519'));
          return made;
        });
        await client.fetch('/bank/revoke', post({}));
        isRevoked = true;
        // Of those under way some ended before, some after; all that count are in the session's list, on either server.
        await Promise.all(during);
        for (const channel of before) {
          const message = channel.message('GET', '/bank/owner');
          expect((await channel.post(message)).status).toBe(428);
        }
        expect(harness.ran.filter((route) => route === 'owner')).toHaveLength(1);
      }),
  },
  {
    attack: 'has the cookie, and a channel at another server, and goes on with it after the client has logged out',
    outcome: '`handshake-required`: channels end with their session, on every server',
    run: (harness) =>
      withSiblings(harness, async ({ client, proxies: [here, there] }) => {
        await client.fetch('/bank/login', post({ owner: 'alice' }));
        await client.fetch('/bank/owner');
        const cookie = String(here!.last('/bank/owner').headers.cookie);
        const channel = await visitorAt(there!.url, cookie).handshake('X25519');
        const whose = await channel.request('GET', '/bank/owner');
        expect(JSON.parse(whose.text)).toEqual({ owner: 'alice' });
        await client.fetch('/bank/logout', post({}));
        expect((await channel.post(channel.message('GET', '/bank/owner'))).status).toBe(428);
        // Without a session it gets a new one, with nothing in it.
        const next = await channel.visitor.handshake('X25519');
        expect(JSON.parse((await next.request('GET', '/bank/owner')).text)).toEqual({ owner: null });
      }),
  },
  {
    attack: 'floods the server with handshakes, so that its limits remove the clients that are connected',
    outcome: 'new clients replace idle clients: an active client keeps its session, channel and window',
    run: (harness) =>
      withSiblings(
        harness,
        async ({ client, proxies: [here] }) => {
          await client.fetch('/bank/login', post({ owner: 'alice' }));
          for (let round = 0; round < 3; round++) {
            await client.fetch('/bank/owner');
            for (let stranger = 0; stranger < 30; stranger++) await visitorAt(here!.url).handshake('X25519');
          }
          const handshakes = here!.seen.filter(({ request }) => !request.headers.cookie).length;
          expect(handshakes).toBeGreaterThan(90);
          const response = await client.fetch(TRANSFER, post({ amount: 1 }));
          expect(response.status).toBe(201);
          expect(await (await client.fetch('/bank/owner')).json()).toEqual({ owner: 'alice' });
          const own = here!.seen.filter(({ request, answer }) => request.headers.cookie && answer?.status === 428);
          expect(own).toEqual([]);
        },
        [{ maxChannels: 40, replayGuard: new MemoryReplayGuard(40), session: {}, secret: undefined }],
      ),
  },
  {
    attack: 'has an old message taken by a server whose clock is ten minutes behind that of the others',
    outcome: '`message-stale`, sealed: all servers use the clock that they share; the handler never runs',
    run: (harness) => {
      const replayGuard = new GuardWithClock();
      return withSiblings(
        harness,
        async ({ client, proxies: [here, there] }) => {
          let withheld: Passing | undefined;
          here!.rule = (request, forward) => {
            if (request.target !== TRANSFER) return forward(request);
            withheld = request;
            return { status: 502, headers: {}, body: '' };
          };
          await refusalOf(client.fetch(TRANSFER, post({ amount: 1 })));
          replayGuard.passed = MAX_AGE_SECONDS + 1;
          const back = letTimePass(-600);
          try {
            const late = await there!.forward(withheld!);
            expect([late.status, late.headers['content-type']]).toEqual([400, 'application/jose']);
          } finally {
            back();
          }
          expect(harness.ran).toEqual([]);
        },
        [{ replayGuard }, { replayGuard }],
      );
    },
  },
  {
    attack:
      'has the cookie, and lets the session end while its handshake, with the device key that it saw, is under way',
    outcome: 'no channel on that session: `busy`, or one on a session of its own, which opens nothing',
    device: true,
    run: async (harness) => {
      const client = harness.pinned({ deviceKey: true });
      await client.fetch('/bank/login', post({ owner: 'alice' }));
      await client.fetch('/bank/owner');
      const { cookie } = harness;
      const { session } = await client.handshake();
      const { device } = JSON.parse(harness.proxy.last('/e2e/handshake').body) as { device: unknown };
      const finish = await heldHandshake(harness, cookie, { device });
      expect((await client.fetch('/bank/logout', post({}))).status).toBe(201);
      const { status, body } = await finish();
      expect([503, 201]).toContain(status);
      if (status === 201) expect((JSON.parse(body) as { session: string }).session).not.toBe(session);
      expect(harness.ran).toEqual(['login', 'owner', 'logout']);
    },
  },
];
