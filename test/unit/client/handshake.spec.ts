import * as nodeCrypto from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { nodeEngine } from '../../../src/crypto/node.js';
import { createE2eClient, type E2eClientOptions, type NodeLikeCrypto } from '../../../src/client/index.js';
import { letTimePass, until } from '../../support/clock.js';
import { json, problem, sealSecret, thumbprint } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';
import { loadEngine } from '../../../src/client/handshake/engine.js';
import { LOADERS } from '../../../src/client/on-demand/loaders.js';
import { provide } from '../../../src/client/parts.js';

provide(LOADERS);

const setup = useCounterpart();
const likeNode: NodeLikeCrypto = nodeCrypto;
const post = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } };

describe('the handshake', () => {
  it.each<[string, E2eClientOptions]>([
    ['web, RSA', { engine: 'web', keyKind: 'RSA' }],
    ['web, RSA of 3072 bits', { engine: 'web', keyKind: 'RSA', rsaModulusLength: 3072 }],
    ['web, P-256', { engine: 'web', keyKind: 'P-256' }],
    ['web, X25519', { engine: 'web', keyKind: 'X25519' }],
    ['forge, RSA', { engine: 'forge', keyKind: 'RSA' }],
    ['noble, P-256', { engine: 'noble', keyKind: 'P-256' }],
    ['noble, X25519', { engine: 'noble', keyKind: 'X25519' }],
    ['noble, MLKEM768-X25519', { engine: 'noble', keyKind: 'MLKEM768-X25519' }],
    ['a module like node:crypto, RSA', { engine: likeNode, keyKind: 'RSA' }],
    ['a module like node:crypto, P-256', { engine: likeNode, keyKind: 'P-256' }],
    ['a module like node:crypto, X25519', { engine: likeNode, keyKind: 'X25519' }],
    ['a module like node:crypto, MLKEM768-X25519', { engine: likeNode, keyKind: 'MLKEM768-X25519' }],
    ['an engine of one’s own, RSA', { engine: nodeEngine, keyKind: 'RSA' }],
    ['an engine of one’s own, X25519', { engine: nodeEngine, keyKind: 'X25519' }],
    ['auto', { keyKind: 'RSA' }],
  ])('opens a channel: %s', async (_, options) => {
    const response = await setup.client(options).fetch('/echo', post);
    expect(await response.json()).toEqual({ a: 1 });
  });

  it('is RSA by default', async () => {
    expect((await createE2eClient({ baseUrl: setup.server.url }).handshake()).kind).toBe('RSA');
  });

  it('happens once, however many calls wait for it', async () => {
    const client = setup.client();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => client.fetch(`/x?id=${id}`)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(setup.server.handshakes).toBe(1);
  });

  it('can be asked for, and then tells the channel’s facts', async () => {
    const client = setup.client();
    const before = Date.now();
    const facts = await client.handshake();
    expect(facts).toMatchObject({
      kid: [...setup.server.channels.keys()][0],
      kind: 'P-256',
      expiresAt: expect.any(Date),
    });
    expect(facts.expiresAt.getTime()).toBeGreaterThan(before + 3_599_000);
    expect(facts.expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 3_600_000);
    await client.fetch('/x');
    expect(setup.server.handshakes).toBe(1);
  });

  it('uses a new key each time', async () => {
    const keys: unknown[] = [];
    setup.server.tamper = (answer, clientKey) => (keys.push(thumbprint(clientKey)), answer);
    const client = setup.client();
    await client.handshake();
    client.close();
    await client.handshake();
    expect(new Set(keys).size).toBe(2);
  });

  it('is not repeated at once after it failed, but at the next call', async () => {
    setup.server.refuse = (response) => (problem(response, 503, 'busy', { 'retry-after': '7' }), true);
    const client = setup.client();
    const errors = await Promise.all([errorOf(client.fetch('/x')), errorOf(client.fetch('/x'))]);
    expect(errors[0]).toMatchObject({ code: 'handshake-failed', problem: 'busy', status: 503, retryAfter: 7 });
    expect(setup.server.handshakes).toBe(1);
    setup.server.refuse = () => false;
    expect((await client.fetch('/x')).status).toBe(200);
  });

  it.each([
    [422, 'key-rejected'],
    [403, undefined],
    [200, undefined],
  ])('fails where it is answered with %i', async (status, name) => {
    setup.server.refuse = (response) => {
      if (name) problem(response, status, name);
      else json(response, status, {});
      return true;
    };
    const error = await errorOf(setup.client().fetch('/x'));
    expect(error).toMatchObject({ code: 'handshake-failed', problem: name, status });
  });

  it('does not follow a redirect', async () => {
    setup.server.refuse = (response) => (response.writeHead(307, { location: '/e2e/other' }).end(), true);
    expect(await errorOf(setup.client().fetch('/x'))).toMatchObject({ code: 'handshake-failed', status: 307 });
  });

  it('takes the device key’s thumbprint into the transcript, where the answer has one', async () => {
    setup.server.device = thumbprint(nodeEngine.generateKeyPair('P-256').publicKey);
    const identityKeys = [setup.server.useIdentity('Ed25519')];
    expect((await setup.client({ identityKeys }).fetch('/x')).status).toBe(200);
  });

  it('shows no key to JSON.stringify or an inspector', async () => {
    const client = setup.client();
    await client.fetch('/x');
    expect(JSON.stringify(client)).toBe('{}');
    expect(inspect(client, { depth: 9, showHidden: true })).not.toMatch(/key/i);
  });
});

describe('a handshake whose answer breaks a rule is refused, and nothing of it kept', () => {
  const other = nodeEngine.generateKeyPair('P-256').publicKey;
  const x25519 = nodeEngine.generateKeyPair('X25519').publicKey;
  it.each<[string, (answer: Record<string, unknown>) => Record<string, unknown>]>([
    ['the kid is another', (answer) => ({ ...answer, kid: thumbprint(other) })],
    ['the key was swapped and the kid kept', (answer) => ({ ...answer, publicKey: other })],
    ['the key is of another kind', (answer) => ({ ...answer, publicKey: x25519, kid: thumbprint(x25519) })],
    ['the key is PEM', (answer) => ({ ...answer, publicKey: '-----BEGIN PUBLIC KEY-----' })],
    [
      'the key is not on its curve',
      (answer) => ({ ...answer, publicKey: { ...other, x: other.kty === 'EC' && other.y } }),
    ],
    [
      'the key carries a private member',
      (answer) => ({ ...answer, publicKey: { ...(answer.publicKey as object), d: 'AA' } }),
    ],
    ['there is no key', (answer) => ({ ...answer, publicKey: undefined })],
    ['it ends before it begins', (answer) => ({ ...answer, expiresAt: answer.issuedAt })],
    ['a time is no whole number', (answer) => ({ ...answer, issuedAt: 1.5 })],
    ['a time is text', (answer) => ({ ...answer, expiresAt: String(answer.expiresAt) })],
    ['there is no session', (answer) => ({ ...answer, session: undefined })],
    ['the session is too short', (answer) => ({ ...answer, session: 'AAAA' })],
    ['the session would add a line', (answer) => ({ ...answer, session: `${String(answer.session)}\n` })],
    ['the device is no thumbprint', (answer) => ({ ...answer, device: 'phone' })],
    ['there is a secret beside an ECDH key', (answer) => ({ ...answer, secret: 'a.b.c.d.e' })],
    ['the secret is null', (answer) => ({ ...answer, secret: null })],
  ])('%s', async (_, tamper) => {
    const client = setup.client();
    setup.server.tamper = tamper;
    expect((await errorOf(client.fetch('/x', post))).code).toBe('handshake-rejected');
    expect([setup.server.handshakes, setup.server.arrivals.length]).toEqual([1, 0]);
    setup.server.tamper = (answer) => answer;
    expect((await client.fetch('/x', post)).status).toBe(200);
  });

  it.each<[string, (secret: string, key: Parameters<typeof sealSecret>[0]) => unknown]>([
    ['is missing', () => undefined],
    ['is not five parts', (secret) => secret.slice(0, secret.lastIndexOf('.'))],
    ['is to another key', () => sealSecret(nodeEngine.generateKeyPair('RSA').publicKey, randomBytes(32))],
    ['is 31 bytes', (_, key) => sealSecret(key, randomBytes(31))],
    ['is compressed', (_, key) => sealSecret(key, randomBytes(32), { zip: 'DEF' })],
    ['has a crit', (_, key) => sealSecret(key, randomBytes(32), { crit: ['x'] })],
    ['names another algorithm', (_, key) => sealSecret(key, randomBytes(32), { alg: 'RSA-OAEP' })],
    ['was changed', (secret) => secret.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))],
  ])('the secret of an RSA channel %s', async (_, forge) => {
    setup.server.tamper = (answer, key) => ({ ...answer, secret: forge(answer.secret as string, key) });
    expect((await errorOf(setup.client({ keyKind: 'RSA' }).fetch('/x'))).code).toBe('handshake-rejected');
  });

  it('the server’s key was seen before', async () => {
    const pair = nodeEngine.generateKeyPair('P-256');
    setup.server.serverKey = () => pair;
    const client = setup.client();
    await client.fetch('/x');
    const back = letTimePass(setup.server.ttl);
    try {
      expect((await errorOf(client.fetch('/x'))).message).toMatch(/used before/);
    } finally {
      back();
    }
  });

  it.each([
    ['names a member twice', '{"kid":"a","kid":"b"}'],
    ['is no JSON', 'canary{'],
    ['is no object', '[]'],
    ['is far too long', `{"a":"${'x'.repeat(100_000)}"}`],
  ])('the body %s', async (_, body) => {
    setup.server.refuse = (response) => (
      response.writeHead(201, { 'content-type': 'application/json' }).end(body),
      true
    );
    const error = await errorOf(setup.client().fetch('/x'));
    expect(error.code).toBe('handshake-rejected');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary');
  });

  it('the body never ends', async () => {
    setup.server.refuse = (response) => {
      response.writeHead(201, { 'content-type': 'application/json' }).write(`{"a":"${'x'.repeat(100_000)}`);
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x'))).code).toBe('handshake-rejected');
  });
});

describe('a pinned identity', () => {
  it.each(['Ed25519', 'P-256'] as const)('is verified: %s, as a JWK and as a thumbprint', async (kind) => {
    const jwk = setup.server.useIdentity(kind);
    expect((await setup.client({ identityKeys: [jwk] }).fetch('/x')).status).toBe(200);
    expect((await setup.client({ identityKeys: [thumbprint(jwk)] }).fetch('/x')).status).toBe(200);
  });

  it('stays pinned, whatever becomes of the list that it was given in', async () => {
    const identityKeys = [setup.server.useIdentity('P-256')];
    setup.server.useIdentity('P-256');
    const client = setup.client({ identityKeys });
    identityKeys.length = 0;
    expect((await errorOf(client.fetch('/x'))).code).toBe('identity-rejected');
  });

  it('may be one of several', async () => {
    const old = setup.server.useIdentity('P-256');
    const jwk = setup.server.useIdentity('Ed25519');
    expect((await setup.client({ identityKeys: [old, thumbprint(jwk)] }).fetch('/x')).status).toBe(200);
  });

  it('is looked up in the list anew after the client was closed meanwhile', async () => {
    const identityKeys = [thumbprint(setup.server.useIdentity('Ed25519'))];
    setup.server.refuse = () => setup.server.handshakes === 1;
    const client = setup.client({ identityKeys });
    const first = errorOf(client.fetch('/x'));
    await until(() => setup.server.handshakes === 1);
    client.close();
    expect((await first).code).toBe('closed');
    expect((await client.fetch('/x')).status).toBe(200);
  });

  it('works on RSA channels over forge with Ed25519, and says what it cannot do', async () => {
    const options = { engine: 'forge', keyKind: 'RSA' } as const;
    const identityKeys = [setup.server.useIdentity('Ed25519')];
    expect((await setup.client({ ...options, identityKeys }).fetch('/x')).status).toBe(200);
    const ec = [setup.server.useIdentity('P-256')];
    expect((await errorOf(setup.client({ ...options, identityKeys: ec }).fetch('/x'))).code).toBe('engine-unsupported');
  });

  it('refuses an answer without a proof, by another key, of another handshake, or changed after signing', async () => {
    const jwk = setup.server.useIdentity('Ed25519');
    const trusted = setup.server.identity;
    const client = setup.client({ identityKeys: [jwk] });
    const rejected = async () => expect((await errorOf(client.fetch('/x'))).code).toBe('identity-rejected');

    setup.server.tamper = (answer) => ({ ...answer, proof: undefined });
    await rejected();
    setup.server.tamper = (answer) => answer;
    setup.server.useIdentity('Ed25519');
    await rejected();
    setup.server.identity = trusted;
    setup.server.tamper = (answer) => ({ ...answer, proof: setup.server.prove(randomBytes(32)) });
    await rejected();
    for (const changes of [
      { issuedAt: 1 },
      { expiresAt: 9_999_999_999 },
      { session: randomBytes(16).toString('base64url') },
    ]) {
      setup.server.tamper = (answer) => ({ ...answer, ...changes });
      await rejected();
    }
    setup.server.tamper = (answer) => ({ ...answer, device: thumbprint(jwk) });
    await rejected();
    expect(setup.server.arrivals).toHaveLength(0);
    setup.server.tamper = (answer) => answer;
    expect((await client.fetch('/x')).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another typ', { typ: 'e2e-device+jws' }],
    ['another alg', { alg: 'ES256' }],
    ['no alg', { alg: 'none' }],
    ['a crit', { crit: ['b64'] }],
    ['no kid', { kid: undefined }],
  ])('refuses a proof with %s', async (_, header) => {
    const identityKeys = [setup.server.useIdentity('Ed25519')];
    const prove = setup.server.prove.bind(setup.server);
    setup.server.prove = (th) => prove(th, header);
    expect((await errorOf(setup.client({ identityKeys }).fetch('/x'))).code).toBe('identity-rejected');
  });

  it('refuses a proof whose signature or form was changed', async () => {
    const identityKeys = [setup.server.useIdentity('Ed25519')];
    const changes: ((proof: string) => string)[] = [
      (proof) => `${proof}.`,
      (proof) => proof.slice(0, -3),
      (proof) => `${proof.slice(0, -4)}AAAA`,
      (proof) => proof.replaceAll('.', ''),
    ];
    for (const change of changes) {
      setup.server.tamper = (answer) => ({ ...answer, proof: change(answer.proof as string) });
      expect((await errorOf(setup.client({ identityKeys }).fetch('/x'))).code).toBe('identity-rejected');
    }
  });

  it('takes no key from the list whose thumbprint is not the pinned one', async () => {
    const pinned = thumbprint(setup.server.useIdentity('Ed25519'));
    const attacker = setup.server.useIdentity('Ed25519');
    const prove = setup.server.prove.bind(setup.server);
    setup.server.prove = (th) => prove(th, { kid: pinned });
    setup.server.listed = [null, { kty: 'RSA' }, { ...attacker, kid: pinned }];
    expect((await errorOf(setup.client({ identityKeys: [pinned] }).fetch('/x'))).code).toBe('identity-rejected');
  });
});

describe('an engine', () => {
  it.each([
    ['RSA', 'forge'],
    ['P-256', 'noble'],
    ['X25519', 'noble'],
    ['MLKEM768-X25519', 'noble'],
  ] as const)('of %s without WebCrypto, as on plain HTTP and in React Native, is %s', async (keyKind, name) => {
    const { crypto } = globalThis;
    const without = (value: object): void =>
      void Object.defineProperty(globalThis, 'crypto', { value, configurable: true });
    try {
      without({ getRandomValues: crypto.getRandomValues.bind(crypto) });
      expect((await loadEngine({ engine: 'auto' }, keyKind)).name).toBe(name);
      expect(await (await setup.client({ keyKind }).fetch('/echo', post)).json()).toEqual({ a: 1 });
      // Without random numbers nothing is made, least of all from Math.random.
      without({});
      const error = await errorOf(setup.client({ keyKind }).handshake());
      expect(error.code).toBe('runtime-unsupported');
      expect(error.message).toContain('react-native-get-random-values');
    } finally {
      without(crypto);
    }
  });

  it('that lacks the kind says so', async () => {
    const error = await errorOf(setup.client({ engine: 'forge', keyKind: 'X25519' }).fetch('/x'));
    expect(error.code).toBe('engine-unsupported');
    expect(error.message).toMatch(/RSA/);
    expect(setup.server.handshakes).toBe(0);
  });
});
