import { expect } from '@jest/globals';
import { webcrypto } from 'node:crypto';
import { keyPair } from '../../../external/conformance/peer.js';
import type { DeviceStorage, E2eClient } from '../../../../src/client/index.js';
import { parseSigningKey } from '../../../../src/protocol/keys.js';
import { letTimePass } from '../../../support/clock.js';
import { makeIdentity, post, refusalOf, type Harness } from '../support/harness.js';
import { Proxy, type PassingResponse, type Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const HANDSHAKE = '/e2e/handshake';
const TRANSFER = '/bank/transfer';

type Fields = Record<string, unknown>;
const fields = ({ body }: { body: string }): Fields => JSON.parse(body) as Fields;
const withFields = <T extends Passing | PassingResponse>(passing: T, changed: object): T => ({
  ...passing,
  body: JSON.stringify({ ...fields(passing), ...changed }),
});

const PROBLEM_TYPE = { 'content-type': 'application/problem+json' };
const { subtle } = webcrypto;
const deviceKeys = (): Promise<CryptoKeyPair> =>
  subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
const bankRequests = (harness: Harness): number =>
  harness.proxy.seen.filter(({ request }) => request.target.startsWith('/bank')).length;

/** A client that uses a device key, and trusts the server's identity key alone. */
const bound = (harness: Harness): E2eClient => harness.pinned({ deviceKey: true });

async function isRefused(harness: Harness, call: Promise<unknown>, refusal: object): Promise<void> {
  expect(await refusalOf(call)).toMatchObject(refusal);
  expect(harness.ran).toEqual([]);
}

/** Another client's public device key, as it was seen on the way. */
async function strangersKey(harness: Harness): Promise<unknown> {
  await bound(harness).handshake();
  return fields(harness.proxy.last(HANDSHAKE)).device;
}

export const deviceRows: readonly Row[] = [
  {
    attack: 'has the cookie, and shakes hands without a device key',
    outcome: '`key-rejected`; no channel is made',
    device: true,
    run: async (harness) => {
      await bound(harness).handshake();
      const reply = await harness.attacker(harness.cookieGiven).ask({ publicKey: (await keyPair('X25519')).jwk });
      expect(reply.status).toBe(422);
    },
  },
  {
    attack: 'has the cookie, and shakes hands with a device key of its own',
    outcome: 'it gets its own, empty session; the client’s session does not change',
    device: true,
    run: async (harness) => {
      const client = bound(harness);
      const { session } = await client.handshake();
      const cookie = harness.cookieGiven;
      const { device } = fields(harness.proxy.last(HANDSHAKE));
      harness.proxy.rule = (request, forward) => forward({ ...request, headers: { ...request.headers, cookie } });
      const thief = harness.client({ deviceKey: true });
      expect((await thief.handshake()).session).not.toBe(session);
      expect(fields(harness.proxy.last(HANDSHAKE)).device).not.toEqual(device);
      harness.proxy.rule = undefined;
      expect((await client.fetch(TRANSFER, post({ to: 'bob' }))).status).toBe(201);
      expect((await client.handshake()).session).toBe(session);
    },
  },
  {
    attack: 'has the cookie, and shakes hands with the client’s device key, which is public',
    outcome: 'it gets a channel on the session that opens nothing: `message-rejected`; no handler runs',
    device: true,
    run: async (harness) => {
      const client = bound(harness);
      await client.handshake();
      const { device } = fields(harness.proxy.last(HANDSHAKE));
      const attacker = harness.attacker(harness.cookieGiven);
      const channel = await attacker.handshake('X25519', { device });
      expect(channel.answer.device).toBeDefined();
      const message = channel.message('POST', TRANSFER, { text: '{}', cty: 'application/json' });
      expect((await channel.post(message)).status).toBe(400);
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'does so, and replays the proof of the device key that it saw on the client’s channel',
    outcome: '`message-rejected`; no handler runs: a proof is valid for one channel only',
    device: true,
    run: async (harness) => {
      const client = bound(harness);
      await client.fetch(TRANSFER, post({ to: 'bob' }));
      const [header = ''] = harness.proxy.last(TRANSFER).body.split('.');
      const { dev } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { dev?: string };
      expect(dev).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
      const attacker = harness.attacker(harness.cookieGiven);
      const channel = await attacker.handshake('X25519', { device: fields(harness.proxy.last(HANDSHAKE)).device });
      const message = channel.message('POST', TRANSFER, { text: '{}', cty: 'application/json' }, { dev });
      expect((await channel.post(message)).status).toBe(400);
      expect(harness.ran).toEqual(['transfer']);
    },
  },
  {
    attack: 'strips `device` from the handshake’s request',
    outcome: '`handshake-failed` with `key-rejected`; no request is sent',
    device: true,
    run: async (harness) => {
      harness.on(HANDSHAKE, (request, forward) => forward(withFields(request, { device: undefined })));
      await isRefused(harness, bound(harness).fetch(TRANSFER, post({})), {
        code: 'handshake-failed',
        problem: 'key-rejected',
      });
    },
  },
  {
    attack: 'swaps `device` in the handshake’s request for a key of its own, or for another client’s',
    outcome: '`handshake-rejected`: the answer is not bound to the client’s key; no request is sent',
    device: true,
    run: async (harness) => {
      const strangers = await strangersKey(harness);
      for (const device of [strangers, (await keyPair('P-256')).jwk]) {
        harness.on(HANDSHAKE, (request, forward) => forward(withFields(request, { device })));
        await isRefused(harness, bound(harness).fetch(TRANSFER, post({})), { code: 'handshake-rejected' });
      }
    },
  },
  {
    attack: 'strips `device` from the handshake’s answer, or swaps it back to the client’s',
    outcome: '`handshake-rejected` or, with a pin, `identity-rejected`; no request is sent',
    device: true,
    run: async (harness) => {
      const strangers = await strangersKey(harness);
      harness.on(HANDSHAKE, async (request, forward) => withFields(await forward(request), { device: undefined }));
      await isRefused(harness, bound(harness).fetch(TRANSFER, post({})), { code: 'handshake-rejected' });

      harness.on(HANDSHAKE, async (request, forward) => {
        const own = await forward(request);
        const theirs = await forward(withFields(request, { device: strangers }));
        return withFields(theirs, { device: fields(own).device });
      });
      await isRefused(harness, bound(harness).fetch(TRANSFER, post({})), { code: 'identity-rejected' });
    },
  },
  {
    attack: 'submits the client’s public key under its own session, with its own device key',
    outcome: '`handshake-rejected`: the answer is bound to the attacker’s key; no request is sent',
    device: true,
    run: async (harness) => {
      const attacker = harness.attacker();
      const device = await strangersKey(harness);
      harness.on(HANDSHAKE, async (request) => {
        const { publicKey } = fields(request);
        const { status, headers, body } = await attacker.ask({ publicKey, device });
        return { status, headers: { 'content-type': headers['content-type'] }, body };
      });
      await isRefused(harness, bound(harness).fetch(TRANSFER, post({})), { code: 'handshake-rejected' });
    },
  },
  {
    attack: 'submits the client’s public key and device key under its own session',
    outcome: 'only the client can use the session: the attacker cannot prove the device key',
    device: true,
    run: async (harness) => {
      const attacker = harness.attacker();
      await attacker.ask({ publicKey: (await keyPair('X25519')).jwk, device: await strangersKey(harness) });
      const before = String(attacker.jar);
      harness.on(HANDSHAKE, (request, forward) =>
        forward({ ...request, headers: { ...request.headers, cookie: before } }),
      );
      const client = bound(harness);
      await client.handshake();
      // The server answered on a new session, whose cookie goes to the client; the attacker may copy it, and opens nothing.
      const given = harness.cookieGiven;
      expect(given).not.toBe(before);
      harness.proxy.rule = undefined;
      expect((await client.fetch(TRANSFER, post({ to: 'bob' }))).status).toBe(201);
      expect(harness.ran).toEqual(['transfer']);
      expect((await harness.attacker(given).ask({ publicKey: (await keyPair('X25519')).jwk })).status).toBe(422);
    },
  },
  {
    attack: 'cuts `dev` out of the client’s first message, or puts another in its place',
    outcome: '`message-rejected`; no handler runs',
    device: true,
    run: async (harness) => {
      const client = bound(harness);
      await client.handshake();
      harness.on(TRANSFER, (request, forward) => {
        const [header = '', ...rest] = request.body.split('.');
        const members = JSON.parse(Buffer.from(header, 'base64url').toString()) as Fields;
        const cut = Buffer.from(JSON.stringify({ ...members, dev: undefined })).toString('base64url');
        return forward({ ...request, body: [cut, ...rest].join('.') });
      });
      await isRefused(harness, client.fetch(TRANSFER, post({})), { code: 'plain-answer', problem: 'message-rejected' });
    },
  },
  {
    attack:
      "takes the session's cookie off the handshake by which a client renews its channel, so that the server answers on another session",
    outcome: '`session-changed` for every call, until the caller calls `client.handshake()`; nothing is sealed on it',
    device: true,
    run: async (harness) => {
      const client = bound(harness);
      const before = (await client.handshake()).session;
      expect((await client.fetch(TRANSFER, post({ to: 'bob' }))).status).toBe(201);
      harness.proxy.rule = ({ headers, ...request }, forward) =>
        request.target === HANDSHAKE
          ? forward({ ...request, headers: { ...headers, cookie: undefined } })
          : { status: 428, headers: PROBLEM_TYPE, body: '{"type":"urn:e2e:problem:handshake-required","status":428}' };
      // The client asks for a new channel, and would send the GET again on it.
      const refusal = { code: 'session-changed' };
      expect(await refusalOf(client.fetch('/bank/balance'))).toMatchObject(refusal);
      const seen = bankRequests(harness);
      expect(await refusalOf(client.fetch(TRANSFER, post({ to: 'bob' })))).toMatchObject(refusal);
      harness.proxy.rule = undefined;
      // An honest proxy does not undo it: the client's caller has to.
      for (let call = 0; call < 3; call++) {
        expect(await refusalOf(client.fetch(TRANSFER, post({ to: 'bob' })))).toMatchObject(refusal);
      }
      expect([bankRequests(harness), harness.ran]).toEqual([seen, ['transfer']]);
      expect((await client.handshake()).session).not.toBe(before);
      expect((await client.fetch(TRANSFER, post({ to: 'bob' }))).status).toBe(201);
    },
  },
  {
    attack: 'puts an earlier session of the same device under a client that renews its channel',
    outcome: '`session-changed`, although pin, proof and device key are correct; nothing is sealed on it',
    device: true,
    run: async (harness) => {
      const keys = await deviceKeys();
      const earlier = harness.pinned({ deviceKey: keys });
      await earlier.fetch(TRANSFER, post({ to: 'bob' }));
      const old = harness.cookieGiven;
      const client = harness.pinned({ deviceKey: keys });
      await client.fetch(TRANSFER, post({ to: 'bob' }));
      const back = letTimePass(3600);
      try {
        harness.on(HANDSHAKE, (request, forward) =>
          forward({ ...request, headers: { ...request.headers, cookie: old } }),
        );
        const seen = bankRequests(harness);
        expect(await refusalOf(client.fetch(TRANSFER, post({ to: 'bob' })))).toMatchObject({ code: 'session-changed' });
        expect([bankRequests(harness), harness.ran]).toEqual([seen, ['transfer', 'transfer']]);
      } finally {
        back();
      }
    },
  },
  {
    attack:
      'is a server of its own, at which the caller uses the device key of another: its own pair, signer or storage',
    outcome: '`invalid-option`: a device key belongs to one origin; nothing is sent to the second one',
    device: true,
    run: async (harness) => {
      const pair = await deviceKeys();
      const publicKey = parseSigningKey(await subtle.exportKey('jwk', (await deviceKeys()).publicKey));
      const signer = { publicKey, sign: () => Promise.resolve(new Uint8Array(64)) };
      let record: Parameters<DeviceStorage['set']>[0] | undefined;
      const storage: DeviceStorage = {
        get: () => Promise.resolve(record),
        set: (value) => Promise.resolve(void (record = value)),
      };
      const evil = await Proxy.before(harness.url);
      try {
        for (const deviceKey of [pair, signer, storage]) {
          await harness.pinned({ deviceKey }).handshake();
          const elsewhere = harness.pinned({ deviceKey, baseUrl: evil.url });
          expect(await refusalOf(elsewhere.handshake())).toMatchObject({ code: 'invalid-option' });
          expect(await refusalOf(elsewhere.fetch(TRANSFER, post({})))).toMatchObject({ code: 'invalid-option' });
        }
        expect(evil.seen).toEqual([]);
      } finally {
        await evil.close();
      }
    },
  },
  {
    attack: 'passes a handshake on to another server, and its messages with their `dev`, as if that one were its own',
    outcome: '`message-rejected`: the identity that the client saw is in the transcript that `dev` signs',
    device: true,
    run: async (harness) => {
      const other = makeIdentity();
      for (const change of [
        // The client has no pin, and would take any identity, or none.
        () => undefined,
        (proof: string) => {
          const header = { alg: 'Ed25519', typ: 'e2e-handshake+jws', kid: other.thumbprint };
          return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...proof.split('.').slice(1)].join('.');
        },
      ]) {
        harness.on(HANDSHAKE, async (request, forward) => {
          const answer = await forward(request);
          return withFields(answer, { proof: change(String(fields(answer).proof)) });
        });
        const refusal = { code: 'plain-answer', problem: 'message-rejected' };
        await isRefused(harness, harness.client({ deviceKey: true }).fetch(TRANSFER, post({})), refusal);
      }
    },
  },
];
