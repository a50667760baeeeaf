import { expect } from '@jest/globals';
import type { E2eClientOptions } from '../../../../src/client/index.js';
import type { Passing } from '../support/proxy.js';
import { messageOf, post, refusalOf, type Harness } from '../support/harness.js';
import type { Row } from './row.js';

const JOSE = 'application/jose';
const TRANSFER = post({ amount: 1 });

/** Each of these changes is refused as this problem, in the clear, and no handler runs. */
async function refused(
  harness: Harness,
  [input, init]: readonly [string, RequestInit?],
  problem: string,
  changes: readonly ((request: Passing) => Partial<Passing>)[],
  options: E2eClientOptions = {},
): Promise<void> {
  for (const change of changes) {
    harness.on('/bank', (request, forward) => forward({ ...request, ...change(request) }));
    const refusal = await refusalOf(harness.client(options).fetch(input, init));
    expect([String(change), refusal]).toMatchObject([String(change), { code: 'plain-answer', problem }]);
  }
  expect(harness.ran).toEqual([]);
}

const withHeaders = (headers: Passing['headers']) => (request: Passing) => ({
  headers: { ...request.headers, ...headers },
});
const REQUERIED = [
  () => ({ target: '/bank/transfer?to=mallory' }),
  () => ({ target: '/bank/transfer?to=bob&to=mallory' }),
  () => ({ target: '/bank/transfer' }),
  () => ({ target: '/bank/transfer?' }),
];
const inBody = ({ headers, ...request }: Passing): Passing => ({
  ...request,
  headers: { ...headers, 'e2e-request': undefined, 'content-type': JOSE },
  body: messageOf({ ...request, headers }),
});
const inHeader = ({ headers, ...request }: Passing): Passing => ({
  ...request,
  headers: { ...headers, 'content-type': undefined, 'e2e-request': request.body },
  body: '',
});

export const moveRows: readonly Row[] = [
  {
    attack: 'moves a message to another route, or to another spelling of its own',
    outcome: '`message-rejected`; no handler runs',
    run: (harness) =>
      refused(harness, ['/bank/transfer', TRANSFER], 'message-rejected', [
        () => ({ target: '/bank/refund' }),
        () => ({ target: '/bank/upload' }),
        () => ({ target: '/bank/%74ransfer' }),
        () => ({ target: '/bank/transfer/' }),
        () => ({ target: '/bank/Transfer' }),
        () => ({ target: '/bank/missing' }),
        // @fastify/session gives a target in absolute form no session, which is refused as `busy`.
        ...(harness.platform === 'express' ? [() => ({ target: `${harness.url}/bank/transfer` })] : []),
      ]),
  },
  {
    attack: 'moves a message to another method',
    outcome: '`message-rejected`; no handler runs',
    run: (harness) =>
      refused(harness, ['/bank/limit', { ...TRANSFER, method: 'PUT' }], 'message-rejected', [
        () => ({ method: 'POST', target: '/bank/limit' }),
        () => ({ method: 'DELETE' }),
        () => ({ method: 'PATCH' }),
        (request) => ({ ...inHeader(request), method: 'GET' }),
      ]),
  },
  {
    attack: 'adds a query beside a sealed one, or to none; changes or removes one that is not sealed',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const added = (query: string) => (request: Passing) => ({ target: `${request.target}?${query}` });
      for (const input of [['/bank/balance?of=alice'], ['/bank/transfer?to=bob', TRANSFER]] as const) {
        await refused(harness, input, 'message-rejected', [added('of=bob'), added('to=mallory'), added('')]);
      }
      await refused(harness, ['/bank/transfer', TRANSFER], 'message-rejected', [added('to=mallory'), added('')]);
      const inTheOpen = { sealQuery: false };
      await refused(harness, ['/bank/transfer?to=bob', TRANSFER], 'message-rejected', REQUERIED, inTheOpen);
      await refused(harness, ['/bank/transfer?to=bob', { method: 'DELETE' }], 'message-rejected', REQUERIED, inTheOpen);
    },
  },
  {
    attack: 'moves a message to another session, or to none',
    outcome: '`handshake-required`; no handler runs',
    run: async (harness) => {
      const own = harness.attacker();
      await own.handshake('X25519');
      await refused(harness, ['/bank/transfer', TRANSFER], 'handshake-required', [
        withHeaders({ cookie: String(own.jar) }),
        withHeaders({ cookie: undefined }),
        withHeaders({ cookie: 'e2e.sid=s%3Anobody.signature' }),
      ]);
    },
  },
  {
    attack: 'moves a message to another channel of the same session, by its `kid`',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const client = harness.client();
      await client.handshake();
      await client.fetch('/bank/balance');
      const own = await harness.attacker(harness.cookie).handshake('X25519');
      harness.calls.length = 0;
      harness.on('/bank/transfer', (request, forward) => {
        const [header = '', ...rest] = request.body.split('.');
        const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), kid: own.kid };
        return forward({
          ...request,
          body: [Buffer.from(JSON.stringify(changed)).toString('base64url'), ...rest].join('.'),
        });
      });
      expect(await refusalOf(client.fetch('/bank/transfer', TRANSFER))).toMatchObject({ problem: 'message-rejected' });
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'puts the parts of two messages together',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/transfer', post({ amount: 1 }));
      const earlier = harness.proxy.last('/bank/transfer').body.split('.');
      harness.calls.length = 0;
      for (const taken of [[0], [2], [3], [4], [3, 4], [2, 3, 4], [0, 4]]) {
        harness.on('/bank', (request, forward) =>
          forward({
            ...request,
            body: request.body
              .split('.')
              .map((part, index) => (taken.includes(index) ? earlier[index] : part))
              .join('.'),
          }),
        );
        const refusal = await refusalOf(client.fetch('/bank/transfer', post({ amount: 9 })));
        expect([taken, refusal]).toMatchObject([taken, { problem: 'message-rejected' }]);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'adds, changes or removes an `Idempotency-Key`',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const keyed = { ...TRANSFER, headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' } };
      await refused(harness, ['/bank/transfer', keyed], 'message-rejected', [
        withHeaders({ 'idempotency-key': 'k2' }),
        withHeaders({ 'idempotency-key': undefined }),
        withHeaders({ 'idempotency-key': ['k1', 'k1'] }),
        withHeaders({ 'idempotency-key': 'k1 ' + 'x' }),
      ]);
      await refused(harness, ['/bank/transfer', TRANSFER], 'message-rejected', [
        withHeaders({ 'idempotency-key': 'k1' }),
      ]);
    },
  },
  {
    attack: 'adds a plain body beside a sealed header, or a second message',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const body = JSON.stringify({ to: 'mallory' });
      await refused(harness, ['/bank/accounts?of=alice', { method: 'DELETE' }], 'message-rejected', [
        (request) => ({ ...withHeaders({ 'content-type': 'application/json' })(request), body }),
        (request) => ({ ...withHeaders({ 'content-type': JOSE })(request), body: messageOf(request) }),
        (request) => withHeaders({ 'e2e-request': [messageOf(request), messageOf(request)] })(request),
      ]);
      // A message without a plaintext too, which a route that takes its body plain would let stand there.
      await refused(harness, ['/bank/accounts', { method: 'DELETE' }], 'message-rejected', [
        (request) => ({ ...withHeaders({ 'content-type': 'application/json' })(request), body }),
      ]);
      await refused(harness, ['/bank/transfer', TRANSFER], 'message-rejected', [
        (request) => withHeaders({ 'e2e-request': request.body })(request),
      ]);
    },
  },
  {
    attack: 'moves a message with a sealed query from `E2e-Request` into the body',
    outcome: 'changes nothing: the query is a query in either place, and never a body',
    run: async (harness) => {
      harness.on('/bank', (request, forward) => forward({ ...request, ...inBody(request) }));
      const client = harness.client();
      expect((await client.fetch('/bank/accounts?of=alice', { method: 'DELETE' })).status).toBe(200);
      expect((await client.fetch('/bank/transfer?to=bob', { method: 'POST' })).status).toBe(201);
      const [removed, transferred] = harness.calls;
      expect({ ...(removed?.query as object) }).toEqual({ of: 'alice' });
      expect({ ...(transferred?.query as object) }).toEqual({ to: 'bob' });
      for (const { body } of harness.calls) expect(Object.keys(body ?? {})).toEqual([]);
    },
  },
  {
    attack: 'moves a sealed form or body into `E2e-Request`',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const form = { method: 'POST', body: new URLSearchParams({ to: 'bob' }) };
      await refused(harness, ['/bank/transfer', form], 'message-rejected', [inHeader]);
      await refused(harness, ['/bank/transfer', TRANSFER], 'message-rejected', [inHeader]);
    },
  },
  {
    attack: 'changes the plain body of a route that is declared to take one',
    outcome:
      '**succeeds**: `@Encrypted({ request: false })` means that the request is not authenticated; the response is sealed',
    run: async (harness) => {
      harness.on('/bank/upload', (request, forward) => forward({ ...request, body: '{"file":"evil"}' }));
      const response = await harness
        .client()
        .fetch('/bank/upload', { ...post({ file: 'good' }), e2e: { request: false } });
      expect(await response.json()).toEqual({ uploaded: { file: 'evil' } });
    },
  },
  {
    attack: 'changes other headers of a request or an answer',
    outcome: '**succeeds**: they are not authenticated; status, media type and location of an answer are',
    run: async (harness) => {
      harness.on('/bank/balance', async (request, forward) => {
        const answer = await forward(request);
        return { ...answer, status: 404, headers: { ...answer.headers, 'x-bank': 'changed', location: '/evil' } };
      });
      const response = await harness.client().fetch('/bank/balance?of=alice');
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^application\/json/);
      expect(response.headers.get('location')).toBeNull();
      expect(response.headers.get('x-bank')).toBe('changed');
      expect(await response.json()).toMatchObject({ of: { of: 'alice' } });
    },
  },
];
