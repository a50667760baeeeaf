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
  type Answer as HandshakeAnswer,
  type Members,
} from '../../../external/conformance/peer.js';
import { Channel, type Visitor } from '../../../external/conformance/channel.js';
import { SECRET_BALANCE } from '../support/bank.js';
import { messageOf, post, refusalOf, type Lab } from '../support/harness.js';
import type { Answer } from '../support/proxy.js';
import type { Row } from './row.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const PROBLEM_TYPE = { 'content-type': 'application/problem+json' };

const plain = (status: number, value: unknown, headers: Answer['headers'] = JSON_TYPE): Answer => ({
  status,
  headers,
  body: JSON.stringify(value),
});
const problem = (status: number, name: string): Answer =>
  plain(status, { type: `urn:e2e:problem:${name}`, title: 'x', status }, PROBLEM_TYPE);

const handshakes = (lab: Lab): number =>
  lab.proxy.seen.filter(({ request }) => request.target === '/e2e/handshake').length;
const sent = (lab: Lab, path: string): number =>
  lab.proxy.seen.filter(({ request }) => request.target.startsWith(path)).length;

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
function lastHandshake(lab: Lab): {
  clientKey: Record<string, string>;
  serverKey: Record<string, string>;
  kid: string;
} {
  const { request, answer } = lab.proxy.seen.findLast(({ request: { target } }) => target === '/e2e/handshake')!;
  const { publicKey: serverKey, kid } = JSON.parse(answer!.body);
  return { clientKey: JSON.parse(request.body).publicKey, serverKey, kid };
}

const send = (visitor: Visitor, body: string) =>
  visitor.send({ method: 'POST', target: '/bank/transfer', headers: { 'Content-Type': 'application/jose' }, body });

export const downgradeRows: readonly Row[] = [
  {
    attack: 'sends a plain body in place of a message',
    outcome: '`message-required`; no handler runs',
    run: async (lab) => {
      const forms = [
        { headers: JSON_TYPE, body: '{"to":"mallory"}' },
        { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'to=mallory' },
        { headers: {}, body: '' },
      ];
      for (const { headers, body } of forms) {
        lab.on('/bank', ({ headers: { cookie }, ...request }, forward) =>
          forward({ ...request, headers: { cookie, ...headers }, body }),
        );
        for (const [path, init] of [['/bank/balance'], ['/bank/transfer', post({})], ['/bank/upload', post({})]] as [
          string,
          RequestInit?,
        ][]) {
          const refusal = await refusalOf(lab.client().fetch(path, init));
          expect([body, path, refusal]).toMatchObject([body, path, { problem: 'message-required' }]);
        }
      }
      expect(lab.ran).toEqual([]);
    },
  },
  {
    attack: 'sends a plain request to a route whose handler is bound in its constructor, or wrapped by a decorator',
    outcome: '`message-required`; no handler runs: which function Nest calls decides nothing',
    run: async (lab) => {
      lab.on('/bank', (request, forward) => forward({ ...request, headers: {}, body: '' }));
      for (const path of ['/bank/bound', '/bank/logged']) {
        const refusal = await refusalOf(lab.client().fetch(path));
        expect([path, refusal]).toMatchObject([path, { problem: 'message-required' }]);
      }
      expect(lab.ran).toEqual([]);
    },
  },
  {
    attack: 'gives a message another media type',
    outcome: '`message-required`; no handler runs',
    run: async (lab) => {
      for (const type of ['application/json', 'application/x-www-form-urlencoded', undefined]) {
        lab.on('/bank', (request, forward) =>
          forward({ ...request, headers: { ...request.headers, 'content-type': type } }),
        );
        const refusal = await refusalOf(lab.client().fetch('/bank/transfer', post({})));
        expect(refusal.code).toBe('plain-answer');
        expect(refusal.status).toBe(type === 'application/json' ? 400 : 415);
      }
      expect(lab.ran).toEqual([]);
    },
  },
  {
    attack: 'answers in the clear, with a status of success or of failure',
    outcome: '`plain-answer`: a transport error, and never data',
    run: async (lab) => {
      const answers = [
        plain(200, { balance: 'forged' }),
        plain(201, { transferred: true }),
        plain(404, { message: 'Not found' }),
        { status: 204, headers: {}, body: '' },
        { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>forged</p>' },
        { status: 200, headers: {}, body: '' },
      ];
      for (const answer of answers) {
        lab.on('/bank', () => answer);
        for (const [path, init] of [['/bank/balance'], ['/bank/transfer', post({})]] as [string, RequestInit?][]) {
          const refusal = await refusalOf(lab.client().fetch(path, init));
          expect(refusal).toMatchObject({ code: 'plain-answer', status: answer.status, problem: undefined });
        }
      }
      expect(lab.ran).toEqual([]);
    },
  },
  {
    attack: 'answers with a redirect in the clear',
    outcome: '`plain-answer`; the client goes nowhere',
    run: async (lab) => {
      for (const status of [301, 302, 303, 307, 308]) {
        lab.on('/bank/balance', () => ({ status, headers: { location: '/bank/owner' }, body: '' }));
        expect(await refusalOf(lab.client().fetch('/bank/balance'))).toMatchObject({ code: 'plain-answer', status });
      }
      expect(sent(lab, '/bank/owner')).toBe(0);
    },
  },
  {
    attack: 'answers a handshake with a plain 200, a redirect or a page',
    outcome: '`handshake-failed`; nothing is kept, no request leaves',
    run: async (lab) => {
      const answers = [
        plain(200, {}),
        { status: 302, headers: { location: '/evil' }, body: '' },
        plain(201, {}, { 'content-type': 'text/html' }),
      ];
      for (const answer of answers) {
        lab.on('/e2e', () => answer);
        expect(await refusalOf(lab.client().fetch('/bank/balance'))).toMatchObject({ code: 'handshake-failed' });
      }
      expect([sent(lab, '/bank'), sent(lab, '/evil')]).toEqual([0, 0]);
    },
  },
  {
    attack: 'injects `handshake-required` once',
    outcome: 'one new channel; a GET is sent once more, a POST is not: its caller is told',
    run: async (lab) => {
      const client = lab.client();
      let injected = 0;
      lab.on('/bank', (request, forward) => (injected++ === 0 ? problem(428, 'handshake-required') : forward(request)));
      expect((await client.fetch('/bank/balance')).status).toBe(200);
      injected = 0;
      expect(await refusalOf(client.fetch('/bank/transfer', post({})))).toMatchObject({
        code: 'plain-answer',
        problem: 'handshake-required',
      });
      expect(lab.ran).toEqual(['balance']);
      expect([sent(lab, '/bank/balance'), sent(lab, '/bank/transfer')]).toEqual([2, 1]);
    },
  },
  {
    attack: 'injects `message-stale` or `message-replayed` in the clear',
    outcome: '`plain-answer`: only a sealed one is believed; no new channel, and nothing is sent again',
    run: async (lab) => {
      const client = lab.client();
      await client.handshake();
      for (const [status, name] of [
        [400, 'message-stale'],
        [409, 'message-replayed'],
      ] as const) {
        lab.on('/bank', () => problem(status, name));
        for (const [path, init] of [['/bank/balance'], ['/bank/limit', { method: 'PUT', body: 'x' }]] as [
          string,
          RequestInit?,
        ][]) {
          expect(await refusalOf(client.fetch(path, init))).toMatchObject({ code: 'plain-answer', problem: name });
        }
      }
      expect([handshakes(lab), sent(lab, '/bank/balance'), sent(lab, '/bank/limit')]).toEqual([1, 2, 2]);
      expect(lab.ran).toEqual([]);
    },
  },
  {
    attack: 'injects `handshake-required` every time',
    outcome: '`plain-answer` after one new channel: the client does not go round for ever',
    run: async (lab) => {
      const client = lab.client();
      await client.handshake();
      lab.on('/bank', () => problem(428, 'handshake-required'));
      const refusal = await refusalOf(client.fetch('/bank/balance'));
      expect(refusal).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect([handshakes(lab), sent(lab, '/bank/balance')]).toEqual([2, 2]);
    },
  },
  {
    attack: 'lets a request through, and answers it with `handshake-required`',
    outcome: 'a GET runs again; a POST is not sent again, and its caller is told that a copy may have run',
    run: async (lab) => {
      const client = lab.client();
      lab.on('/bank/transfer', async (request, forward) => {
        await forward(request);
        return problem(428, 'handshake-required');
      });
      const refusal = await refusalOf(client.fetch('/bank/transfer', post({})));
      expect(refusal).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect(lab.ran).toEqual(['transfer']);
    },
  },
  {
    attack: "answers a `dir` request in the plain way, to the client's public key",
    outcome: '`answer-rejected`',
    run: async (lab) => {
      lab.on('/bank/balance', (request) => {
        const { clientKey, kid } = lastHandshake(lab);
        const { seq } = JSON.parse(Buffer.from(messageOf(request).split('.')[0]!, 'base64url').toString());
        const iat = Math.floor(Date.now() / 1000);
        const header = { typ: 'e2e-res+jwe', kid, seq, iat, status: 200, cty: 'application/json' };
        const body = forge(clientKey, header, '{"balance":"forged"}');
        return { status: 200, headers: { 'content-type': 'application/jose' }, body };
      });
      const refusal = await refusalOf(lab.client({ keyKind: 'RSA' }).fetch('/bank/balance'));
      expect(refusal).toMatchObject({ code: 'answer-rejected' });
    },
  },
  {
    attack: 'forges a request in the plain way, where the server does not take that (the default)',
    outcome: '`message-rejected`; no handler runs',
    run: async (lab) => {
      const client = lab.client({ keyKind: 'RSA' });
      await client.fetch('/bank/balance');
      const { serverKey, kid } = lastHandshake(lab);
      const forged = forge(serverKey, requestHeader(kid, 7), '{"to":"mallory"}');
      const reply = await send(lab.attacker(lab.cookie), forged);
      expect([reply.status, JSON.parse(reply.body).type]).toEqual([400, 'urn:e2e:problem:message-rejected']);
      expect(lab.ran).toEqual(['balance']);
    },
  },
  {
    attack: 'forges a request in the plain way, where the server takes that (`allowPlainJwe`)',
    outcome: '**succeeds** with the cookie, as documented: such messages prove no sender; the answer it cannot read',
    plainWay: true,
    run: async (lab) => {
      const client = lab.client({ keyKind: 'RSA' });
      await client.fetch('/bank/owner');
      await client.fetch('/bank/owner');
      const { serverKey, kid } = lastHandshake(lab);
      const balance = forge(
        serverKey,
        requestHeader(kid, 1, { method: 'GET', target: '/bank/balance', cty: undefined }),
        '',
      );
      const reply = await lab
        .attacker(lab.cookie)
        .send({ target: '/bank/balance', headers: { 'E2e-Request': balance } });
      expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/jose']);
      expect(lab.ran).toEqual(['owner', 'owner', 'balance']);
      expect(reply.body).not.toContain(SECRET_BALANCE);
      expect(Buffer.from(reply.body.split('.')[3]!, 'base64url').includes(SECRET_BALANCE)).toBe(false);
    },
  },
  {
    attack: 'poisons a window with the highest `seq`, in the plain way where the server takes that',
    outcome: 'only the plain window is poisoned: plain messages with lower numbers are `message-stale`, `dir` goes on',
    plainWay: true,
    run: async (lab) => {
      const client = lab.client({ keyKind: 'RSA' });
      await client.fetch('/bank/owner');
      await client.fetch('/bank/owner');
      const { serverKey, kid } = lastHandshake(lab);
      const attacker = lab.attacker(lab.cookie);
      const plainMessage = (seq: number) => send(attacker, forge(serverKey, requestHeader(kid, seq), '{}'));
      expect((await plainMessage(MAX_SEQ)).status).toBe(201);
      expect((await plainMessage(1)).status).toBe(400);
      expect((await client.fetch('/bank/transfer', post({ amount: 1 }))).status).toBe(201);
      expect(handshakes(lab)).toBe(1);
    },
  },
  {
    attack: 'poisons a window with the highest `seq`, without the keys',
    outcome: '`message-rejected`: a window moves only for a message that opened',
    run: async (lab) => {
      const client = lab.client();
      await client.fetch('/bank/owner');
      const passed = lab.proxy.last('/bank/owner');
      const { kid } = lastHandshake(lab);
      const header = {
        alg: 'dir',
        enc: 'A256GCM',
        ...requestHeader(kid, MAX_SEQ, { method: 'GET', target: '/bank/owner', cty: undefined }),
      };
      await client.fetch('/bank/owner');
      const own = await lab.attacker(lab.cookie).handshake('X25519');
      for (const key of [new Uint8Array(32), own.keys.request]) {
        const forged = sealText(key, JSON.stringify(header), '');
        const reply = await lab.proxy.forward({ ...passed, headers: { cookie: lab.cookie, 'e2e-request': forged } });
        expect(reply.status).toBe(400);
      }
      expect((await client.fetch('/bank/owner')).status).toBe(200);
      expect(handshakes(lab)).toBe(1);
    },
  },
  {
    attack: "submits the client's public key as its own, under its own session",
    outcome: 'a channel that the attacker cannot use: `message-rejected`',
    run: async (lab) => {
      for (const keyKind of ['RSA', 'X25519'] as const) {
        await lab.client({ keyKind }).handshake();
        const own = lab.attacker();
        const reply = await own.ask({ publicKey: lastHandshake(lab).clientKey });
        expect(reply.status).toBe(201);
        const answer = JSON.parse(reply.body) as HandshakeAnswer;
        const pair = await keyPair(keyKind);
        // It has neither the client's private key nor, on an RSA channel, what `secret` holds.
        const guess = new Channel(own, pair, { ...answer, ...(keyKind === 'RSA' && { secret: sealedFor(pair.jwk) }) });
        const attempt = await guess.post(guess.message('GET', '/bank/owner'));
        expect([attempt.status, JSON.parse(attempt.body).type]).toEqual([400, 'urn:e2e:problem:message-rejected']);
      }
      expect(lab.ran).toEqual([]);
    },
  },
];

/** A guessed `ss`, sealed as the server would. */
function sealedFor(clientKey: Record<string, string>): string {
  return forge(clientKey, {}, Buffer.from(utf8('0'.repeat(32))).toString());
}
