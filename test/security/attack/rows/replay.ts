import { expect } from '@jest/globals';
import { WINDOW_SIZE } from '../../../../src/channel/replay.js';
import { MAX_AGE_SECONDS, MAX_TRANSIT_SECONDS } from '../../../../src/protocol/message.js';
import { json, Visitor } from '../../../external/conformance/channel.js';
import { gate } from '../support/bank.js';
import { letTimePass } from '../../../support/clock.js';
import { heldHandshake, heldRequest } from '../support/held.js';
import { messageOf, post, refusalOf } from '../support/harness.js';
import type { PassingResponse, Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const COPIES = 100;

const isSealed = ({ headers }: PassingResponse): boolean => headers['content-type'] === 'application/jose';

function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export const replayRows: readonly Row[] = [
  {
    attack: 'sends a request once more, after its answer',
    outcome: 'the copy is `message-replayed`, sealed; the handler ran once',
    run: async (harness) => {
      await harness.client().fetch('/bank/transfer', post({ amount: 1 }));
      const copy = await harness.proxy.forward(harness.proxy.last('/bank/transfer'));
      expect([copy.status, isSealed(copy)]).toEqual([409, true]);
      expect(harness.ran).toEqual(['transfer']);
    },
  },
  {
    attack: 'sends 40 requests once more, in another order, after all of them have run',
    outcome: 'the copies are `message-replayed`, sealed; each handler ran once',
    run: async (harness) => {
      const client = harness.client();
      for (let amount = 1; amount <= 40; amount++) await client.fetch('/bank/transfer', post({ amount }));
      const requests = harness.proxy.seen
        .map(({ request }) => request)
        .filter(({ target }) => target === '/bank/transfer');
      expect(requests).toHaveLength(40);
      for (let index = 0; index < 40; index++) {
        const copy = await harness.proxy.forward(requests[(index * 7) % 40]!);
        expect([index, copy.status, isSealed(copy)]).toEqual([index, 409, true]);
      }
      expect(harness.ran).toHaveLength(40);
    },
  },
  {
    attack: `sends ${COPIES} copies of a request at once`,
    outcome: 'exactly one runs, whichever comes first; all others are `message-replayed`',
    run: async (harness) => {
      const answers: PassingResponse[] = [];
      harness.on('/bank/transfer', async (request, forward) => {
        answers.push(...(await Promise.all(Array.from({ length: COPIES }, () => forward(request)))));
        return answers.find(({ status }) => status === 201)!;
      });
      const response = await harness.client().fetch('/bank/transfer', post({ amount: 1 }));
      expect(await response.json()).toEqual({ transferred: { amount: 1 } });
      expect(harness.ran).toEqual(['transfer']);
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter((answer) => answer.status === 409 && isSealed(answer))).toHaveLength(COPIES - 1);
    },
  },
  {
    attack: 'has one copy run, and gives the client the answer to another',
    outcome: 'the client gets `message-replayed`, sealed, and does not resend it; the handler ran once',
    run: async (harness) => {
      harness.on('/bank/limit', async (request, forward) => {
        await forward(request);
        return forward(request);
      });
      const call = harness.client().fetch('/bank/limit', { ...post({ limit: 1 }), method: 'PUT' });
      expect(await refusalOf(call)).toMatchObject({ problem: 'message-replayed', status: 409 });
      expect(harness.ran).toEqual(['limit']);
      expect(harness.proxy.seen.filter(({ request }) => request.target === '/bank/limit')).toHaveLength(1);
    },
  },
  {
    attack: 'sends a request once more on another connection, with other headers around it',
    outcome: 'the copy is `message-replayed`, sealed; the handler ran once',
    run: async (harness) => {
      await harness.client().fetch('/bank/balance');
      const { headers, ...request } = harness.proxy.last('/bank/balance');
      const { cookie, 'e2e-request': message } = headers;
      const copy = await harness.proxy.forward({
        ...request,
        headers: { cookie, 'e2e-request': message, 'x-new': '1' },
      });
      expect([copy.status, isSealed(copy)]).toEqual([409, true]);
      expect(harness.ran).toEqual(['balance']);
    },
  },
  {
    attack: `holds a request back for ${MAX_AGE_SECONDS + 1} s`,
    outcome: '`message-stale`, sealed; the handler never runs, and a POST is not resent',
    run: async (harness) => {
      let back = (): void => undefined;
      harness.on('/bank/transfer', (request, forward) => {
        back = letTimePass(MAX_AGE_SECONDS + 1);
        return forward(request);
      });
      try {
        const call = harness.client().fetch('/bank/transfer', post({ amount: 1 }));
        expect(await refusalOf(call)).toMatchObject({ problem: 'message-stale', status: 400 });
        expect(harness.ran).toEqual([]);
        expect(harness.proxy.seen.filter(({ request }) => request.target === '/bank/transfer')).toHaveLength(1);
      } finally {
        back();
      }
    },
  },
  {
    attack: `passes on the head of a request at once, and its body ${MAX_TRANSIT_SECONDS + 1} s later`,
    outcome: '`message-stale`, sealed; the handler never runs',
    run: async (harness) => {
      let back = (): void => undefined;
      harness.on('/bank/transfer', async (request) => {
        const finish = await heldRequest(harness, request);
        back = letTimePass(MAX_TRANSIT_SECONDS + 1);
        return finish();
      });
      try {
        const call = harness.client().fetch('/bank/transfer', post({ amount: 1 }));
        expect(await refusalOf(call)).toMatchObject({ problem: 'message-stale', status: 400 });
        expect(harness.ran).toEqual([]);
      } finally {
        back();
      }
    },
  },
  {
    attack: 'holds a request back behind a later one, for less than that',
    outcome: '**succeeds**, as any network can: each runs once, in the order in which they arrive',
    run: async (harness) => {
      const client = harness.client();
      await client.handshake();
      let release = (): void => undefined;
      const later = new Promise<void>((resolve) => (release = resolve));
      harness.on('/bank/transfer', async (request, forward) => {
        await later;
        return forward(request);
      });
      const held = client.fetch('/bank/transfer', post({ amount: 1 }));
      await client.fetch('/bank/refund', post({ amount: 1 }));
      release();
      expect((await held).status).toBe(201);
      expect(harness.ran).toEqual(['refund', 'transfer']);
    },
  },
  {
    attack: `withholds a request until one that is ${WINDOW_SIZE} numbers later has run`,
    outcome: '`message-stale`, sealed: the window is already past its number; it never runs',
    run: async (harness) => {
      // A client of the test's own, which skips numbers: 1,024 requests one by one show no more, and take seconds.
      const channel = await new Visitor(harness.proxy.url).handshake('X25519');
      const message = channel.message('POST', '/bank/transfer', json({}));
      let withheld: Passing | undefined;
      harness.on('/bank/transfer', (request) => {
        withheld = request;
        return { status: 502, headers: {}, body: '' };
      });
      expect((await channel.post(message)).status).toBe(502);
      const seq = Number(message.header.seq) + WINDOW_SIZE;
      expect((await channel.post(channel.message('GET', '/bank/balance', undefined, { seq }))).status).toBe(200);
      const answer = await harness.proxy.forward(withheld!);
      expect([answer.status, isSealed(answer)]).toEqual([400, true]);
      expect(harness.ran).toEqual(['balance']);
    },
  },
  {
    attack: 'sends a withheld request after its channel was revoked, or its session ended',
    outcome: '`handshake-required`; the handler never runs',
    run: async (harness) => {
      for (const ending of ['/bank/revoke', '/bank/logout', '/bank/login']) {
        const client = harness.client();
        let withheld: Passing | undefined;
        harness.on('/bank/transfer', (request) => {
          withheld = request;
          return { status: 502, headers: {}, body: '' };
        });
        await refusalOf(client.fetch('/bank/transfer', post({})));
        await client.fetch(ending, post({ owner: 'alice' }));
        const answer = await harness.proxy.forward(withheld!);
        expect([ending, answer.status, JSON.parse(answer.body).type]).toEqual([
          ending,
          428,
          'urn:e2e:problem:handshake-required',
        ]);
      }
      expect(harness.ran).not.toContain('transfer');
    },
  },
  {
    attack: 'sends a withheld request of a user who has logged out, after another one has logged in on the same page',
    outcome: '`handshake-required`; the handler never runs',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/login', post({ owner: 'alice' }));
      await client.fetch('/bank/balance');
      let withheld: Passing | undefined;
      harness.on('/bank/transfer', (request) => {
        withheld = request;
        return { status: 502, headers: {}, body: '' };
      });
      await refusalOf(client.fetch('/bank/transfer', post({})));
      expect((await client.fetch('/bank/leave', post({}))).status).toBe(201);
      expect(await (await client.fetch('/bank/owner')).json()).toEqual({ owner: null });
      await client.fetch('/bank/login', post({ owner: 'bob' }));
      expect(await (await client.fetch('/bank/owner')).json()).toEqual({ owner: 'bob' });
      const headers = { ...withheld!.headers, cookie: harness.cookie };
      const answer = await harness.proxy.forward({ ...withheld!, headers });
      expect([answer.status, JSON.parse(answer.body).type]).toEqual([428, 'urn:e2e:problem:handshake-required']);
      expect(harness.ran).not.toContain('transfer');
    },
  },
  {
    attack: 'has a channel of its own on the session before the user logs in, and uses it after',
    outcome: '`handshake-required`: a login by `KeyService.carryOver()` keeps the caller’s channel and ends all others',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/balance');
      await client.fetch('/bank/balance');
      const own = await harness.attacker(harness.cookie).handshake('X25519');
      expect((await own.request('GET', '/bank/owner')).status).toBe(200);
      await client.fetch('/bank/login', post({ owner: 'alice' }));
      expect(await (await client.fetch('/bank/owner')).json()).toEqual({ owner: 'alice' });
      // Under the old cookie, and under the new one, which the proxy has seen too.
      for (const cookie of [String(own.visitor.jar), harness.cookie]) {
        const reply = await own.post(own.message('GET', '/bank/owner'), { headers: { Cookie: cookie } });
        expect([reply.status, JSON.parse(reply.body).type]).toEqual([428, 'urn:e2e:problem:handshake-required']);
      }
    },
  },
  {
    attack: 'begins a handshake before the user logs out, and ends it after',
    outcome: '`busy`; the session that ended stays ended',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/login', post({ owner: 'alice' }));
      await client.fetch('/bank/owner');
      const { cookie } = harness;
      const finish = await heldHandshake(harness, cookie);
      expect((await client.fetch('/bank/logout', post({}))).status).toBe(201);
      expect((await finish()).status).toBe(503);
      const own = await harness.attacker(cookie).handshake('X25519');
      expect(JSON.parse((await own.request('GET', '/bank/owner')).text)).toEqual({ owner: null });
    },
  },
  {
    attack: "lets an application's late save restore an ended session, and sends a withheld request on it",
    outcome: '`handshake-required`: the channels of the session stay ended, even if the session is restored',
    // On Fastify the late save comes to nothing.
    once: true,
    run: async (harness) => {
      const client = harness.client();
      let withheld: Passing | undefined;
      harness.on('/bank/transfer', (request) => {
        withheld = request;
        return { status: 502, headers: {}, body: '' };
      });
      await refusalOf(client.fetch('/bank/transfer', post({})));
      const ready = later<true>();
      gate.opened = ready.promise;
      const slow = client.fetch('/bank/slow', post({}));
      while (!harness.ran.includes('slow')) await new Promise((resolve) => setTimeout(resolve, 5));
      await client.fetch('/bank/logout', post({}));
      ready.resolve(true);
      expect((await slow).status).toBe(201);
      const { cookie } = harness;
      const answer = await harness.proxy.forward(withheld!);
      expect([answer.status, harness.ran]).toEqual([428, ['slow', 'logout']]);
      // The session is there again: that is between the application and its store.
      const own = await harness.attacker(cookie).handshake('X25519');
      expect(JSON.parse((await own.request('GET', '/bank/owner')).text)).toEqual({ owner: 'saved late' });
    },
  },
  {
    attack: 'answers a request with the answer to an earlier one',
    outcome: '`answer-rejected`',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/balance');
      const earlier = harness.proxy.seen.at(-1)!.answer!;
      harness.on('/bank/balance', () => earlier);
      expect(await refusalOf(client.fetch('/bank/balance'))).toMatchObject({ code: 'answer-rejected' });
    },
  },
  {
    attack: 'swaps the answers to two requests',
    outcome: '`answer-rejected`, both',
    run: async (harness) => {
      const client = harness.client();
      await client.handshake();
      const swapped = { a: later<PassingResponse>(), b: later<PassingResponse>() };
      harness.on('/bank', async (request, forward) => {
        const [mine, other] = request.target === '/bank/balance' ? [swapped.a, swapped.b] : [swapped.b, swapped.a];
        mine.resolve(await forward(request));
        return other.promise;
      });
      const refusals = await Promise.all([
        refusalOf(client.fetch('/bank/balance')),
        refusalOf(client.fetch('/bank/transfer', post({ amount: 1 }))),
      ]);
      expect(refusals).toMatchObject([{ code: 'answer-rejected' }, { code: 'answer-rejected' }]);
      expect(harness.ran.sort()).toEqual(['balance', 'transfer']);
    },
  },
  {
    attack: 'reflects an answer as a request',
    outcome: '`message-rejected`; the handler never runs',
    run: async (harness) => {
      await harness.client().fetch('/bank/transfer', post({ amount: 1 }));
      const { request, answer } = harness.proxy.seen.at(-1)!;
      const reply = await harness.proxy.forward({ ...request, body: answer!.body });
      expect([reply.status, JSON.parse(reply.body).type]).toEqual([400, 'urn:e2e:problem:message-rejected']);
      expect(harness.ran).toEqual(['transfer']);
    },
  },
  {
    attack: 'reflects a request as its own answer',
    outcome: '`answer-rejected`; the handler never runs',
    run: async (harness) => {
      harness.on('/bank', (request) => ({
        status: 200,
        headers: { 'content-type': 'application/jose' },
        body: messageOf(request),
      }));
      for (const [path, init] of [['/bank/balance?of=a'], ['/bank/transfer', post({ amount: 1 })]] as [
        string,
        RequestInit?,
      ][]) {
        expect(await refusalOf(harness.client().fetch(path, init))).toMatchObject({ code: 'answer-rejected' });
      }
      expect(harness.ran).toEqual([]);
    },
  },
];
