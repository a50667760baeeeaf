import { expect } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import { json } from '../../../external/conformance/channel.js';
import { b64u } from '../../../external/conformance/peer.js';
import { post, refusalOf, type Harness } from '../support/harness.js';
import type { PassingResponse, Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const LIMIT = '/bank/limit';
/** A PUT, which the client sends again by itself. */
const PUT = { ...post({ limit: 1 }), method: 'PUT' };

const problem = (status: number, name: string): PassingResponse => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: JSON.stringify({ type: `urn:e2e:problem:${name}`, title: 'x', status }),
});

const headerOf = (request: Passing): Record<string, unknown> =>
  JSON.parse(Buffer.from(request.body.split('.')[0]!, 'base64url').toString()) as Record<string, unknown>;

const isReplayed = (answer: PassingResponse): void => {
  expect([answer.status, answer.headers['content-type']]).toEqual([409, 'application/jose']);
};

/** What the client is told of a request whose copy has run: an error or, of old, the sealed problem as a response. */
async function expectReplayed(call: Promise<Response>): Promise<void> {
  const outcome: unknown = await call.then(
    async (response) => ((await response.json()) as { type: string }).type.split(':').at(-1),
    (error: unknown) => (error as { problem?: string }).problem,
  );
  expect(outcome).toBe('message-replayed');
}

/** Answers the first copy with `handshake-required`, after `before` did with it what it likes; the second passes. */
function injectOnce(harness: Harness, before: (first: Passing) => unknown = () => undefined): void {
  let sent = 0;
  harness.on(LIMIT, async (request, forward) => {
    if (sent++ > 0) return forward(request);
    await before(request);
    return problem(428, 'handshake-required');
  });
}

export const againRows: readonly Row[] = [
  {
    attack: 'withholds a request, has the client send it again, and lets the first copy through after the second',
    outcome:
      'the first copy is `message-replayed`: the second one names it, and claimed its number; the handler ran once',
    run: async (harness) => {
      for (const keyKind of ['RSA', 'P-256', 'X25519'] as const) {
        harness.calls.length = 0;
        let first: Passing | undefined;
        injectOnce(harness, (request) => (first = request));
        expect((await harness.client({ keyKind }).fetch(LIMIT, PUT)).status).toBe(200);
        isReplayed(await harness.proxy.forward(first!));
        expect([keyKind, harness.ran]).toEqual([keyKind, ['limit']]);
        const { kid, seq } = headerOf(first!);
        expect(headerOf(harness.proxy.last(LIMIT)).again).toEqual({
          kid,
          seq,
          tag: expect.stringMatching(/^[\w-]{22}$/),
        });
      }
    },
  },
  {
    attack: 'lets a request through, says that it was not, and so has the client send it again',
    outcome: 'the second copy is `message-replayed`, sealed, and the client gets that error; the handler ran once',
    run: async (harness) => {
      for (const keyKind of ['RSA', 'P-256', 'X25519'] as const) {
        harness.calls.length = 0;
        injectOnce(harness, (request) => harness.proxy.forward(request));
        await expectReplayed(harness.client({ keyKind }).fetch(LIMIT, PUT));
        expect([keyKind, harness.ran]).toEqual([keyKind, ['limit']]);
      }
    },
  },
  {
    attack: 'does either with many copies of both at once',
    outcome: 'exactly one of them runs, the one that arrives first',
    run: async (harness) => {
      let first: Passing | undefined;
      const answers: PassingResponse[] = [];
      let sent = 0;
      harness.on(LIMIT, async (request, forward) => {
        if (sent++ === 0) {
          first = request;
          return problem(428, 'handshake-required');
        }
        const copies = Array.from({ length: 20 }, (_, index) => forward(index % 2 === 0 ? first! : request));
        answers.push(...(await Promise.all(copies)));
        return answers.find(({ status }) => status === 200) ?? answers[1]!;
      });
      await harness
        .client()
        .fetch(LIMIT, PUT)
        .catch(() => undefined);
      expect(answers).toHaveLength(20);
      expect(harness.ran).toEqual(['limit']);
    },
  },
  {
    attack: 'cuts `again` out of the second copy, or puts another number into it',
    outcome: '`message-rejected`: it is inside the authenticated header; the second copy does not run',
    run: async (harness) => {
      for (const again of [undefined, { seq: 7 }]) {
        let sent = 0;
        harness.on(LIMIT, (request, forward) => {
          if (sent++ === 0) return problem(428, 'handshake-required');
          const { again: sealed, ...header } = headerOf(request);
          const changed = { ...header, ...(again && { again: { ...(sealed as object), ...again } }) };
          const body = [b64u(JSON.stringify(changed)), ...request.body.split('.').slice(1)].join('.');
          return forward({ ...request, body });
        });
        const refusal = await refusalOf(harness.client().fetch(LIMIT, PUT));
        expect(refusal).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: "has the cookie, and claims a number of the client's channel by an `again` on a channel of its own",
    outcome: "the claim is ignored: the tag takes the first channel's keys; the client's request runs",
    run: async (harness) => {
      const client = harness.client();
      const { kid } = await client.handshake();
      await client.fetch('/bank/balance');
      const { seq } = JSON.parse(
        Buffer.from(
          String(harness.proxy.last('/bank/balance').headers['e2e-request']).split('.')[0]!,
          'base64url',
        ).toString(),
      ) as { seq: number };
      const own = await harness.attacker(harness.cookieGiven).handshake('X25519');
      for (const claimed of [seq + 1, seq + 2]) {
        for (const key of [own.keys.again, randomBytes(32)]) {
          const number = own.next();
          const tag = createHmac('sha256', key).update(`${claimed} ${own.kid} ${number}`).digest().subarray(0, 16);
          const again = { kid, seq: claimed, tag: b64u(tag) };
          const message = own.message('POST', '/bank/refund', json({}), { seq: number, again });
          expect(own.open(await own.post(message), message).status).toBe(201);
        }
      }
      expect((await client.fetch('/bank/transfer', post({ amount: 1 }))).status).toBe(201);
      expect((await client.fetch('/bank/transfer', post({ amount: 2 }))).status).toBe(201);
    },
  },
  {
    attack: "moves `again` to a request of its own: the tag that it saw on the client's second copy",
    outcome: 'the claim is ignored: the tag names the message that it stands in',
    run: async (harness) => {
      let first: Passing | undefined;
      let again: unknown;
      let sent = 0;
      harness.on(LIMIT, (request) => {
        if (sent++ === 0) first = request;
        else ({ again } = headerOf(request));
        return problem(428, 'handshake-required');
      });
      await refusalOf(harness.client().fetch(LIMIT, PUT));
      expect(again).toBeDefined();
      const own = await harness.attacker(harness.cookieGiven).handshake('X25519');
      const message = own.message('POST', '/bank/refund', json({}), { again });
      expect(own.open(await own.post(message), message).status).toBe(201);
      // So the first copy's number is as it was: free.
      expect((await harness.proxy.forward(first!)).status).toBe(200);
      expect(harness.ran).toEqual(['refund', 'limit']);
    },
  },
  {
    attack:
      "lets the first copy run, pushes its channel out of the session by handshakes with the client's cookie, and has it sent again",
    outcome:
      '**succeeds** without device keys: it runs twice, as a GET, a PUT or a request with an `Idempotency-Key` may',
    once: true,
    run: async (harness) => {
      const client = harness.client();
      await client.fetch(LIMIT, PUT);
      const attacker = harness.attacker(harness.cookieGiven);
      injectOnce(harness, async (request) => {
        await harness.proxy.forward(request);
        for (let made = 0; made < 32; made++) await attacker.handshake('X25519');
      });
      expect((await client.fetch(LIMIT, PUT)).status).toBe(200);
      expect(harness.ran).toEqual(['limit', 'limit', 'limit']);
    },
  },
];
