import { expect } from '@jest/globals';
import { randomBytes, sign } from 'node:crypto';
import type { Channels } from '../../../../src/channel/channels.js';
import { parsePublicKey } from '../../../../src/protocol/keys.js';
import { utf8 } from '../../../../src/protocol/json.js';
import {
  b64u,
  directWay,
  keyPair,
  openCompact,
  publicKeyOf,
  rsaEncrypt,
  sealText,
  thumbprint,
  transcriptHash,
  type HandshakeResponse,
  KINDS,
  type KeyKind,
} from '../../../external/conformance/peer.js';
import type { E2eClient } from '../../../../src/client/index.js';
import { makeChannels, session } from '../support/channels.js';
import { makeIdentity, messageOf, post, refusalOf, type Identity, type Harness } from '../support/harness.js';
import type { PassingResponse, Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const HANDSHAKE = '/e2e/handshake';

type Fields = Record<string, unknown> & { publicKey: Record<string, string> };

const fields = ({ body }: { body: string }): Fields => JSON.parse(body) as Fields;
const withFields = (answer: PassingResponse, changed: object): PassingResponse => ({
  ...answer,
  body: JSON.stringify({ ...fields(answer), ...changed }),
});

/** Has the proxy change the answer to the handshake. */
function changeAnswer(
  harness: Harness,
  change: (answer: PassingResponse, request: Passing) => PassingResponse | Promise<PassingResponse>,
): void {
  harness.on(HANDSHAKE, async (request, forward) => change(await forward(request), request));
}

/** The handshake fails so, nothing is kept: no request left, and once the proxy is honest the client begins anew. */
async function keepsNothing(harness: Harness, client: E2eClient, code: string): Promise<void> {
  expect(await refusalOf(client.fetch('/bank/transfer', post({ to: 'bob' })))).toMatchObject({ code });
  expect(harness.proxy.seen.filter(({ request }) => request.target.startsWith('/bank'))).toEqual([]);
  expect(harness.ran).toEqual([]);
  harness.proxy.rule = undefined;
  expect((await client.fetch('/bank/transfer', post({ to: 'bob' }))).status).toBe(201);
}

/** Sits in the middle: answers the client as the server would, and asks the server as the client would. */
async function intercept(harness: Harness, stolen: unknown[]): Promise<void> {
  const impostor: Channels = makeChannels().channels;
  const own = harness.attacker();
  const upstream = await own.handshake('X25519');
  harness.proxy.rule = async (request, forward) => {
    if (request.target === HANDSHAKE) {
      const answer = await impostor.handshake(session('victim'), parsePublicKey(fields(request).publicKey));
      return { ...(await forward(request)), body: JSON.stringify(answer) };
    }
    const { method, target } = request;
    const opened = await impostor.open('victim', messageOf(request), {
      place: 'body',
      method,
      target,
      idem: undefined,
    });
    stolen.push(JSON.parse(Buffer.from(opened.plaintext).toString()));
    const real = await upstream.request(method, target, { text: opened.plaintext, cty: String(opened.header.cty) });
    stolen.push(JSON.parse(real.text));
    const answer = { status: real.status, cty: real.cty, plaintext: utf8(real.text), iat: opened.header.iat };
    return { status: real.status, headers: { 'content-type': 'application/jose' }, body: opened.seal(answer) };
  };
}

/** Answers handshakes with a key of its own, proven by an identity of its own, which claims to be the pinned one. */
async function impersonate(harness: Harness, own: Identity, listed?: readonly object[]): Promise<void> {
  const { jwk } = await keyPair('X25519');
  harness.proxy.rule = async (request, forward) => {
    const answer = await forward(request);
    if (request.target === '/e2e/identity' && listed) return withFields(answer, { keys: listed });
    if (request.target !== HANDSHAKE) return answer;
    const changed = { ...fields(answer), publicKey: jwk, kid: thumbprint(jwk) };
    const th = transcriptHash(thumbprint(fields(request).publicKey), changed as unknown as HandshakeResponse);
    const header = { alg: 'Ed25519', typ: 'e2e-handshake+jws', kid: harness.identity.thumbprint };
    const signed = `${b64u(JSON.stringify(header))}.${b64u(b64u(th))}`;
    const proof = `${signed}.${b64u(sign(null, Buffer.from(signed), own.pem))}`;
    return withFields(answer, { ...changed, proof });
  };
}

/** A genuine answer to a handshake of the attacker's own, proof and all. */
async function genuineAnswer(harness: Harness, kind: KeyKind = 'X25519'): Promise<Fields> {
  const reply = await harness.attacker().ask({ publicKey: (await keyPair(kind)).jwk });
  return fields(reply);
}

export const handshakeRows: readonly Row[] = [
  {
    attack: 'swaps both keys in the handshake, and the client has no pin',
    outcome: '**succeeds**: it reads everything and can respond to everything. Pins prevent this',
    run: async (harness) => {
      const stolen: unknown[] = [];
      await intercept(harness, stolen);
      const response = await harness.client().fetch('/bank/transfer', post({ to: 'bob' }));
      expect(await response.json()).toEqual({ transferred: { to: 'bob' } });
      expect(stolen).toEqual([{ to: 'bob' }, { transferred: { to: 'bob' } }]);
    },
  },
  {
    attack: 'swaps both keys in the handshake, and the client has a pin',
    outcome: '`identity-rejected`; nothing is stored, no request is sent',
    run: async (harness) => {
      const stolen: unknown[] = [];
      await intercept(harness, stolen);
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
      expect(stolen).toEqual([]);
    },
  },
  {
    attack: "swaps only the client's key on its way to the server",
    outcome:
      '`identity-rejected` with a pin; without, `handshake-rejected` on RSA channels, `message-rejected` on others',
    once: true,
    run: async (harness) => {
      const swapFor = async (kind: KeyKind) => {
        const { jwk: publicKey } = await keyPair(kind);
        harness.on(HANDSHAKE, (request, forward) => forward({ ...request, body: JSON.stringify({ publicKey }) }));
      };
      for (const keyKind of KINDS) {
        await swapFor(keyKind);
        const refusal = await refusalOf(harness.client({ keyKind }).fetch('/bank/transfer', post({})));
        expect(refusal).toMatchObject(
          keyKind === 'RSA' ? { code: 'handshake-rejected' } : { code: 'plain-answer', problem: 'message-rejected' },
        );
      }
      harness.proxy.seen.length = 0;
      await swapFor('X25519');
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'strips `proof`',
    outcome: '`identity-rejected`; nothing is stored',
    run: async (harness) => {
      changeAnswer(harness, (answer) => withFields(answer, { proof: undefined }));
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'replays the `proof` of another handshake',
    outcome: '`identity-rejected`; nothing is stored',
    run: async (harness) => {
      const { proof } = await genuineAnswer(harness);
      changeAnswer(harness, (answer) => withFields(answer, { proof }));
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'replays the whole answer to another handshake',
    outcome: '`identity-rejected`; nothing is stored',
    run: async (harness) => {
      const other = await genuineAnswer(harness);
      changeAnswer(harness, (answer) => withFields(answer, other));
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'keeps `kid` and `proof`, and swaps `publicKey`',
    outcome: '`handshake-rejected`, with or without a pin; nothing is stored',
    run: async (harness) => {
      for (const client of [harness.pinned(), harness.client()]) {
        const { jwk } = await keyPair('X25519');
        changeAnswer(harness, (answer) => withFields(answer, { publicKey: jwk }));
        await keepsNothing(harness, client, 'handshake-rejected');
        harness.calls.length = harness.proxy.seen.length = 0;
      }
    },
  },
  {
    attack: 'keeps `proof`, and swaps `publicKey` and `kid`',
    outcome: '`identity-rejected`; nothing is stored',
    run: async (harness) => {
      const { jwk } = await keyPair('X25519');
      changeAnswer(harness, (answer) => withFields(answer, { publicKey: jwk, kid: thumbprint(jwk) }));
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'changes `issuedAt`, `expiresAt`, `session` or `device` in the answer',
    outcome: '`identity-rejected` with a pin; without, the channel opens nothing (`message-rejected`)',
    run: async (harness) => {
      const name = b64u(new Uint8Array(16));
      const changes = [
        { issuedAt: 1 },
        { expiresAt: 4102444800 },
        { session: name },
        { device: thumbprint((await keyPair('P-256')).jwk) },
      ];
      for (const change of changes) {
        changeAnswer(harness, (answer) => withFields(answer, change));
        expect(await refusalOf(harness.pinned().fetch('/bank/balance'))).toMatchObject({ code: 'identity-rejected' });
        expect(await refusalOf(harness.client().fetch('/bank/balance'))).toMatchObject({
          code: 'plain-answer',
          problem: 'message-rejected',
        });
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'swaps `secret` of an RSA channel for one that it knows',
    outcome: '`identity-rejected` with a pin; without, the channel opens nothing (`message-rejected`)',
    once: true,
    run: async (harness) => {
      changeAnswer(harness, async (answer, request) => {
        const contentKey = new Uint8Array(32).fill(7);
        const key = publicKeyOf(fields(request).publicKey);
        const secret = sealText(contentKey, '{"alg":"RSA-OAEP-256","enc":"A256GCM"}', new Uint8Array(32), {
          encryptedKey: b64u(rsaEncrypt(key, contentKey)),
        });
        return withFields(answer, { secret });
      });
      const call = (client: E2eClient) => refusalOf(client.fetch('/bank/transfer', post({})));
      expect(await call(harness.pinned({ keyKind: 'RSA' }))).toMatchObject({ code: 'identity-rejected' });
      expect(await call(harness.client({ keyKind: 'RSA' }))).toMatchObject({ problem: 'message-rejected' });
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'answers the handshake with a weak key: 1,024 bits, `e` = 1, an all-zero point, another kind',
    outcome: '`handshake-rejected`; nothing is stored',
    once: true,
    run: async (harness) => {
      const short = (await keyPair('RSA', 1024)).jwk;
      const weak: [KeyKind, Record<string, string>][] = [
        ['RSA', short],
        ['RSA', { ...(await keyPair('RSA')).jwk, e: 'AQ' }],
        ['X25519', { kty: 'OKP', crv: 'X25519', x: b64u(new Uint8Array(32)) }],
        ['P-256', { kty: 'EC', crv: 'P-256', x: b64u(new Uint8Array(32)), y: b64u(new Uint8Array(32)) }],
        ['X25519', (await keyPair('P-256')).jwk],
      ];
      for (const [keyKind, publicKey] of weak) {
        changeAnswer(harness, (answer) => withFields(answer, { publicKey, kid: thumbprint(publicKey) }));
        const refusal = await refusalOf(harness.client({ keyKind }).fetch('/bank/transfer', post({})));
        expect(refusal).toMatchObject({ code: 'handshake-rejected' });
      }
      expect(harness.proxy.seen.filter(({ request }) => request.target !== HANDSHAKE)).toEqual([]);
    },
  },
  {
    attack: 'replays to a client an answer that it had before',
    outcome: '`handshake-rejected`: the client rejects a server key that it has seen before',
    run: async (harness) => {
      const client = harness.client({ resend: true });
      await client.fetch('/bank/balance');
      const first = harness.proxy.seen.find(({ request }) => request.target === HANDSHAKE)!.answer!;
      harness.proxy.rule = (request, forward) =>
        request.target === HANDSHAKE
          ? first
          : forward({ ...request, headers: { ...request.headers, cookie: undefined } }); // the server knows no channel now
      expect(await refusalOf(client.fetch('/bank/balance'))).toMatchObject({ code: 'handshake-rejected' });
      expect(harness.ran).toEqual(['balance']);
    },
  },
  {
    attack: "signs its own keys with its own identity key, under the pinned key's name",
    outcome: '`identity-rejected`; nothing is stored',
    run: async (harness) => {
      await impersonate(harness, makeIdentity());
      for (const pin of [harness.identity.jwk, harness.identity.thumbprint]) {
        const call = harness.client({ identityKeys: [pin] }).fetch('/bank/balance');
        expect(await refusalOf(call)).toMatchObject({ code: 'identity-rejected' });
      }
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'does that, and also serves its identity key to a client that pins a thumbprint',
    outcome: '`identity-rejected`: a listed key counts only under the thumbprint that is pinned',
    run: async (harness) => {
      const own = makeIdentity();
      await impersonate(harness, own, [{ ...own.jwk, kid: harness.identity.thumbprint, alg: 'Ed25519', use: 'sig' }]);
      await keepsNothing(harness, harness.pinned(), 'identity-rejected');
    },
  },
  {
    attack: 'meets a client that pins only the identity key from before the last rotation',
    outcome: '`identity-rejected`, though that key is still published; with both pinned it works',
    run: async (harness) => {
      const { identity, formerIdentity: former } = harness;
      for (const pins of [[former.thumbprint], [former.jwk]]) {
        const call = harness.client({ identityKeys: pins }).fetch('/bank/balance');
        expect(await refusalOf(call)).toMatchObject({ code: 'identity-rejected' });
      }
      expect(harness.ran).toEqual([]);
      const both = harness.client({ identityKeys: [former.jwk, identity.jwk] });
      expect((await both.fetch('/bank/balance')).status).toBe(200);
    },
  },
  {
    attack: "puts its own session's cookie on everything that the client sends",
    outcome: '**succeeds**, with a pin too, where no device key is used: the client works on the attacker’s session',
    run: async (harness) => {
      const own = harness.attacker();
      const upstream = await own.handshake('X25519');
      expect(
        (await upstream.request('POST', '/bank/login', { text: '{"owner":"mallory"}', cty: 'application/json' }))
          .status,
      ).toBe(201);
      harness.proxy.rule = (request, forward) =>
        forward({ ...request, headers: { ...request.headers, cookie: String(own.jar) } });
      const response = await harness.pinned().fetch('/bank/owner');
      expect(await response.json()).toEqual({ owner: 'mallory' });
    },
  },
  {
    attack: 'has the cookie, and opens its own channel on the session',
    outcome:
      '**succeeds** where no device key is used, as with any stolen cookie; it reads nothing of the client’s own channel',
    run: async (harness) => {
      const client = harness.pinned();
      await client.fetch('/bank/login', post({ owner: 'alice' }));
      await client.fetch('/bank/owner');
      const own = await harness.attacker(harness.cookie).handshake('X25519');
      expect(JSON.parse((await own.request('GET', '/bank/owner')).text)).toEqual({ owner: 'alice' });
      const { body } = harness.proxy.seen.findLast(({ request }) => request.target === '/bank/owner')!.answer!;
      expect(() => openCompact(body, directWay(own.keys.response))).toThrow(/authenticate/);
    },
  },
  {
    attack: 'strips `proof`, or names another identity in it, before a client without a pin',
    outcome: '`message-rejected`: the identity that the client saw is part of the transcript; no handler runs',
    run: async (harness) => {
      const other = b64u(JSON.stringify({ alg: 'Ed25519', typ: 'e2e-handshake+jws', kid: makeIdentity().thumbprint }));
      for (const change of [() => undefined, (proof: string) => [other, ...proof.split('.').slice(1)].join('.')]) {
        changeAnswer(harness, (answer) => withFields(answer, { proof: change(String(fields(answer).proof)) }));
        for (const keyKind of KINDS) {
          const refusal = await refusalOf(harness.client({ keyKind }).fetch('/bank/transfer', post({ to: 'bob' })));
          expect(refusal).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
        }
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack:
      "puts a message to the client's public key in place of `secret`: any JWE with a `typ`, or with more members",
    outcome:
      '`handshake-rejected`: `secret` must have exactly the members `alg` and `enc`; nothing is stored, no request is sent',
    run: async (harness) => {
      let more: object | undefined;
      changeAnswer(harness, (answer, request) => {
        const contentKey = randomBytes(32);
        const encryptedKey = b64u(rsaEncrypt(publicKeyOf(fields(request).publicKey), contentKey));
        const header = JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...more });
        return withFields(answer, { secret: sealText(contentKey, header, randomBytes(32), { encryptedKey }) });
      });
      const client = harness.client({ keyKind: 'RSA' });
      more = { seq: 1 };
      expect(await refusalOf(client.fetch('/bank/balance'))).toMatchObject({ code: 'handshake-rejected' });
      harness.proxy.seen.length = 0;
      more = { typ: 'e2e-res+jwe' };
      await keepsNothing(harness, client, 'handshake-rejected');
    },
  },
];
