import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { utf8 } from '../../../../src/protocol/json.js';
import { MAX_SEQ } from '../../../../src/protocol/message.js';
import {
  b64u,
  keyPair,
  publicKeyOf,
  rsaEncrypt,
  sealText,
  type HandshakeResponse,
  type Members,
} from '../../../external/conformance/peer.js';
import { Channel, type Visitor } from '../../../external/conformance/channel.js';
import { SECRET_BALANCE } from '../support/bank.js';
import { messageOf, post, refusalOf, type Harness } from '../support/harness.js';
import type { PassingResponse } from '../support/proxy.js';
import type { Row } from './row.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const PROBLEM_TYPE = { 'content-type': 'application/problem+json' };

const plain = (status: number, value: unknown, headers: PassingResponse['headers'] = JSON_TYPE): PassingResponse => ({
  status,
  headers,
  body: JSON.stringify(value),
});
const problem = (status: number, name: string): PassingResponse =>
  plain(status, { type: `urn:e2e:problem:${name}`, title: 'x', status }, PROBLEM_TYPE);

const handshakes = (harness: Harness): number =>
  harness.proxy.seen.filter(({ request }) => request.target === '/e2e/handshake').length;
const sent = (harness: Harness, path: string): number =>
  harness.proxy.seen.filter(({ request }) => request.target.startsWith(path)).length;

/** A plain message to an RSA channel, as anyone makes one who saw its public key. */
function forge(publicKey: Record<string, string>, header: Members, plaintext: string): string {
  const contentKey = randomBytes(32);
  const encryptedKey = b64u(rsaEncrypt(publicKeyOf(publicKey), contentKey));
  return sealText(contentKey, JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header }), plaintext, {
    encryptedKey,
  });
}

const requestHeader = (kid: unknown, seq: number, more: Members = {}): Members => ({
  typ: 'e2e-req+jwe',
  kid,
  seq,
  iat: Math.floor(Date.now() / 1000),
  method: 'POST',
  target: '/bank/transfer',
  cty: 'application/json',
  ...more,
});

/** What the proxy knows of the last handshake: both public keys, and the channel's name. */
function lastHandshake(harness: Harness): {
  clientKey: Record<string, string>;
  serverKey: Record<string, string>;
  kid: string;
} {
  const { request, answer } = harness.proxy.seen.findLast(({ request: { target } }) => target === '/e2e/handshake')!;
  const { publicKey: serverKey, kid } = JSON.parse(answer!.body);
  return { clientKey: JSON.parse(request.body).publicKey, serverKey, kid };
}

const send = (visitor: Visitor, body: string) =>
  visitor.send({ method: 'POST', target: '/bank/transfer', headers: { 'Content-Type': 'application/jose' }, body });

export const downgradeRows: readonly Row[] = [
  {
    attack: 'sends a plain body in place of a message',
    outcome: '`message-required`; no handler runs',
    run: async (harness) => {
      const forms = [
        { headers: JSON_TYPE, body: '{"to":"mallory"}' },
        { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'to=mallory' },
        { headers: {}, body: '' },
      ];
      for (const { headers, body } of forms) {
        harness.on('/bank', ({ headers: { cookie }, ...request }, forward) =>
          forward({ ...request, headers: { cookie, ...headers }, body }),
        );
        for (const [path, init] of [['/bank/balance'], ['/bank/transfer', post({})], ['/bank/upload', post({})]] as [
          string,
          RequestInit?,
        ][]) {
          const refusal = await refusalOf(harness.client().fetch(path, init));
          expect([body, path, refusal]).toMatchObject([body, path, { problem: 'message-required' }]);
        }
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'sends a plain request to a route whose handler is bound in its constructor, or wrapped by a decorator',
    outcome: '`message-required`; no handler runs: it does not matter which function Nest calls',
    run: async (harness) => {
      harness.on('/bank', (request, forward) => forward({ ...request, headers: {}, body: '' }));
      for (const path of ['/bank/bound', '/bank/logged']) {
        const refusal = await refusalOf(harness.client().fetch(path));
        expect([path, refusal]).toMatchObject([path, { problem: 'message-required' }]);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'gives a message another media type',
    outcome: '`message-required`; no handler runs',
    run: async (harness) => {
      for (const type of ['application/json', 'application/x-www-form-urlencoded', undefined]) {
        harness.on('/bank', (request, forward) =>
          forward({ ...request, headers: { ...request.headers, 'content-type': type } }),
        );
        const refusal = await refusalOf(harness.client().fetch('/bank/transfer', post({})));
        expect(refusal.code).toBe('plain-answer');
        expect(refusal.status).toBe(type === 'application/json' ? 400 : 415);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'answers in the clear, with a status of success or of failure',
    outcome: '`plain-answer`: an error, and its data is discarded',
    run: async (harness) => {
      const answers = [
        plain(200, { balance: 'forged' }),
        plain(201, { transferred: true }),
        plain(404, { message: 'Not found' }),
        { status: 204, headers: {}, body: '' },
        { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>forged</p>' },
        { status: 200, headers: {}, body: '' },
      ];
      for (const answer of answers) {
        harness.on('/bank', () => answer);
        for (const [path, init] of [['/bank/balance'], ['/bank/transfer', post({})]] as [string, RequestInit?][]) {
          const refusal = await refusalOf(harness.client().fetch(path, init));
          expect(refusal).toMatchObject({ code: 'plain-answer', status: answer.status, problem: undefined });
        }
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'answers with a redirect in the clear',
    outcome: '`plain-answer`; the client does not follow it',
    run: async (harness) => {
      for (const status of [301, 302, 303, 307, 308]) {
        harness.on('/bank/balance', () => ({ status, headers: { location: '/bank/owner' }, body: '' }));
        expect(await refusalOf(harness.client().fetch('/bank/balance'))).toMatchObject({
          code: 'plain-answer',
          status,
        });
      }
      expect(sent(harness, '/bank/owner')).toBe(0);
    },
  },
  {
    attack: 'answers a handshake with a plain 200, a redirect or a page',
    outcome: '`handshake-failed`; nothing is stored, no request is sent',
    run: async (harness) => {
      const answers = [
        plain(200, {}),
        { status: 302, headers: { location: '/evil' }, body: '' },
        plain(201, {}, { 'content-type': 'text/html' }),
      ];
      for (const answer of answers) {
        harness.on('/e2e', () => answer);
        expect(await refusalOf(harness.client().fetch('/bank/balance'))).toMatchObject({ code: 'handshake-failed' });
      }
      expect([sent(harness, '/bank'), sent(harness, '/evil')]).toEqual([0, 0]);
    },
  },
  {
    attack: 'strips `ek` from a request, says `kept` in a response, or removes it there (RSA)',
    outcome: 'what was changed does not open; the next request goes on, with keys that the attacker does not have',
    run: async (lab) => {
      const rewrite = (jwe: string, change: (header: Members) => Members): string => {
        const [header = '', ...rest] = jwe.split('.');
        const changed = change(JSON.parse(Buffer.from(header, 'base64url').toString()) as Members);
        return [b64u(Buffer.from(JSON.stringify(changed))), ...rest].join('.');
      };
      for (const kept of [true, undefined]) {
        const client = lab.client({ keyKind: 'RSA' });
        lab.on('/bank', async (request, forward) => {
          const answer = await forward(request);
          return { ...answer, body: rewrite(answer.body, (header) => ({ ...header, kept, said: 1 })) };
        });
        expect(await refusalOf(client.fetch('/bank/balance'))).toMatchObject({ code: 'answer-rejected' });
        lab.on('/bank', (request, forward) =>
          forward({ ...request, body: rewrite(request.body, (header) => ({ ...header, ek: undefined })) }),
        );
        expect(await refusalOf(client.fetch('/bank/transfer', post({})))).toMatchObject({ code: 'plain-answer' });
        lab.on('/bank', (request, forward) => forward(request));
        expect((await client.fetch('/bank/balance')).status).toBe(200);
      }
    },
  },
  {
    attack: 'injects `handshake-required` once',
    outcome: 'one new channel; a GET is resent once; a POST is not resent, and its caller gets an error',
    run: async (harness) => {
      const client = harness.client();
      let injected = 0;
      harness.on('/bank', (request, forward) =>
        injected++ === 0 ? problem(428, 'handshake-required') : forward(request),
      );
      expect((await client.fetch('/bank/balance')).status).toBe(200);
      injected = 0;
      expect(await refusalOf(client.fetch('/bank/transfer', post({})))).toMatchObject({
        code: 'plain-answer',
        problem: 'handshake-required',
      });
      expect(harness.ran).toEqual(['balance']);
      expect([sent(harness, '/bank/balance'), sent(harness, '/bank/transfer')]).toEqual([2, 1]);
    },
  },
  {
    attack: 'injects `message-stale` or `message-replayed` in the clear',
    outcome: '`plain-answer`: only a sealed response is trusted; no new channel, and nothing is resent',
    run: async (harness) => {
      const client = harness.client();
      await client.handshake();
      for (const [status, name] of [
        [400, 'message-stale'],
        [409, 'message-replayed'],
      ] as const) {
        harness.on('/bank', () => problem(status, name));
        for (const [path, init] of [['/bank/balance'], ['/bank/limit', { method: 'PUT', body: 'x' }]] as [
          string,
          RequestInit?,
        ][]) {
          expect(await refusalOf(client.fetch(path, init))).toMatchObject({ code: 'plain-answer', problem: name });
        }
      }
      expect([handshakes(harness), sent(harness, '/bank/balance'), sent(harness, '/bank/limit')]).toEqual([1, 2, 2]);
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'injects `handshake-required` every time',
    outcome: '`plain-answer` after one new channel: the client does not repeat it endlessly',
    run: async (harness) => {
      const client = harness.client();
      await client.handshake();
      harness.on('/bank', () => problem(428, 'handshake-required'));
      const refusal = await refusalOf(client.fetch('/bank/balance'));
      expect(refusal).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect([handshakes(harness), sent(harness, '/bank/balance')]).toEqual([2, 2]);
    },
  },
  {
    attack: 'lets a request through, and answers it with `handshake-required`',
    outcome: 'a GET runs again; a POST is not resent, and its caller gets an error that says a copy may have run',
    run: async (harness) => {
      const client = harness.client();
      harness.on('/bank/transfer', async (request, forward) => {
        await forward(request);
        return problem(428, 'handshake-required');
      });
      const refusal = await refusalOf(client.fetch('/bank/transfer', post({})));
      expect(refusal).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect(harness.ran).toEqual(['transfer']);
    },
  },
  {
    attack: "responds to a `dir` request with a plain JWE to the client's public key",
    outcome: '`answer-rejected`',
    run: async (harness) => {
      harness.on('/bank/balance', (request) => {
        const { clientKey, kid } = lastHandshake(harness);
        const { seq } = JSON.parse(Buffer.from(messageOf(request).split('.')[0]!, 'base64url').toString());
        const iat = Math.floor(Date.now() / 1000);
        const header = { typ: 'e2e-res+jwe', kid, seq, iat, status: 200, cty: 'application/json' };
        const body = forge(clientKey, header, '{"balance":"forged"}');
        return { status: 200, headers: { 'content-type': 'application/jose' }, body };
      });
      const refusal = await refusalOf(harness.client({ keyKind: 'RSA' }).fetch('/bank/balance'));
      expect(refusal).toMatchObject({ code: 'answer-rejected' });
    },
  },
  {
    attack: 'forges a request as a plain JWE, which the server rejects by default',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const client = harness.client({ keyKind: 'RSA' });
      await client.fetch('/bank/balance');
      const { serverKey, kid } = lastHandshake(harness);
      const forged = forge(serverKey, requestHeader(kid, 7), '{"to":"mallory"}');
      const reply = await send(harness.attacker(harness.cookie), forged);
      expect([reply.status, JSON.parse(reply.body).type]).toEqual([400, 'urn:e2e:problem:message-rejected']);
      expect(harness.ran).toEqual(['balance']);
    },
  },
  {
    attack: 'forges a request as a plain JWE, which the server accepts (`allowPlainJwe`)',
    outcome:
      '**succeeds** with the cookie, as documented: such messages do not prove their sender; it cannot read the response',
    plainWay: true,
    run: async (harness) => {
      const client = harness.client({ keyKind: 'RSA' });
      await client.fetch('/bank/owner');
      await client.fetch('/bank/owner');
      const { serverKey, kid } = lastHandshake(harness);
      const balance = forge(
        serverKey,
        requestHeader(kid, 1, { method: 'GET', target: '/bank/balance', cty: undefined }),
        '',
      );
      const reply = await harness
        .attacker(harness.cookie)
        .send({ target: '/bank/balance', headers: { 'E2e-Request': balance } });
      expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/jose']);
      expect(harness.ran).toEqual(['owner', 'owner', 'balance']);
      expect(reply.body).not.toContain(SECRET_BALANCE);
      expect(Buffer.from(reply.body.split('.')[3]!, 'base64url').includes(SECRET_BALANCE)).toBe(false);
    },
  },
  {
    attack: 'poisons a replay window with the highest `seq` of a plain JWE, which the server accepts',
    outcome:
      'only the plain window is poisoned: plain messages with lower numbers are `message-stale`, `dir` messages still work',
    plainWay: true,
    run: async (harness) => {
      const client = harness.client({ keyKind: 'RSA' });
      await client.fetch('/bank/owner');
      await client.fetch('/bank/owner');
      const { serverKey, kid } = lastHandshake(harness);
      const attacker = harness.attacker(harness.cookie);
      const plainMessage = (seq: number) => send(attacker, forge(serverKey, requestHeader(kid, seq), '{}'));
      expect((await plainMessage(MAX_SEQ)).status).toBe(201);
      expect((await plainMessage(1)).status).toBe(400);
      expect((await client.fetch('/bank/transfer', post({ amount: 1 }))).status).toBe(201);
      expect(handshakes(harness)).toBe(1);
    },
  },
  {
    attack: 'poisons a replay window with the highest `seq`, without the keys',
    outcome: '`message-rejected`: a window moves only for a message that opened',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/owner');
      const passed = harness.proxy.last('/bank/owner');
      const { kid } = lastHandshake(harness);
      const header = {
        alg: 'dir',
        enc: 'A256GCM',
        ...requestHeader(kid, MAX_SEQ, { method: 'GET', target: '/bank/owner', cty: undefined }),
      };
      await client.fetch('/bank/owner');
      const own = await harness.attacker(harness.cookie).handshake('X25519');
      for (const key of [new Uint8Array(32), own.keys.request]) {
        const forged = sealText(key, JSON.stringify(header), '');
        const reply = await harness.proxy.forward({
          ...passed,
          headers: { cookie: harness.cookie, 'e2e-request': forged },
        });
        expect(reply.status).toBe(400);
      }
      expect((await client.fetch('/bank/owner')).status).toBe(200);
      expect(handshakes(harness)).toBe(1);
    },
  },
  {
    attack: "submits the client's public key as its own, under its own session",
    outcome: 'a channel that the attacker cannot use: `message-rejected`',
    run: async (harness) => {
      for (const keyKind of ['RSA', 'X25519'] as const) {
        await harness.client({ keyKind }).handshake();
        const own = harness.attacker();
        const reply = await own.ask({ publicKey: lastHandshake(harness).clientKey });
        expect(reply.status).toBe(201);
        const answer = JSON.parse(reply.body) as HandshakeResponse;
        const pair = await keyPair(keyKind);
        // It has neither the client's private key nor, on an RSA channel, what `secret` holds.
        const guess = new Channel(own, pair, { ...answer, ...(keyKind === 'RSA' && { secret: sealedFor(pair.jwk) }) });
        const attempt = await guess.post(guess.message('GET', '/bank/owner'));
        expect([attempt.status, JSON.parse(attempt.body).type]).toEqual([400, 'urn:e2e:problem:message-rejected']);
      }
      expect(harness.ran).toEqual([]);
    },
  },
];

/** A guessed `ss`, sealed as the server would. */
function sealedFor(clientKey: Record<string, string>): string {
  return forge(clientKey, {}, Buffer.from(utf8('0'.repeat(32))).toString());
}
