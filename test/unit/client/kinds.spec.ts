import { describe, expect, it } from '@jest/globals';
import { nodeEngine } from '../../../src/crypto/node.js';
import { createE2eClient, type KeyKind } from '../../../src/client/index.js';
import { keyKind, type PublicJwk } from '../../../src/protocol/keys.js';
import { problem, thumbprint } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';

const HYBRID = 'MLKEM768-X25519';
const setup = useCounterpart();
const post = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } };

/** Has the counterpart take only these kinds; the kinds that were asked for, in order. */
function takeOnly(...kinds: KeyKind[]): KeyKind[] {
  const asked: KeyKind[] = [];
  setup.server.refuseKey = (key) => {
    asked.push(keyKind(key));
    return !kinds.includes(keyKind(key));
  };
  return asked;
}

describe('a list of kinds', () => {
  it('is tried in its order, one handshake each, until the server takes one', async () => {
    const asked = takeOnly('P-256');
    const client = setup.client({ keyKind: [HYBRID, 'X25519', 'P-256', 'RSA'] });
    expect((await client.handshake()).kind).toBe('P-256');
    expect(asked).toEqual([HYBRID, 'X25519', 'P-256']);
    expect(await (await client.fetch('/x', post)).json()).toEqual({ a: 1 });
  });

  it('is begun anew with each handshake: a refusal holds for one channel', async () => {
    takeOnly('X25519');
    const client = setup.client({ keyKind: [HYBRID, 'X25519'] });
    expect((await client.handshake()).kind).toBe('X25519');
    takeOnly(HYBRID, 'X25519');
    expect((await client.handshake({ renew: true })).kind).toBe(HYBRID);
  });

  it('that is one kind, or a list of one, is never followed by another', async () => {
    for (const keyKind of [HYBRID, [HYBRID]] as const) {
      const asked = takeOnly('RSA', 'P-256', 'X25519');
      const error = await errorOf(setup.client({ keyKind }).fetch('/x'));
      expect(error).toMatchObject({ code: 'handshake-failed', problem: 'key-rejected', status: 422 });
      expect(asked).toEqual([HYBRID]);
    }
  });

  it('tries the next kind if this runtime does not have one', async () => {
    const asked = takeOnly('RSA', 'P-256', 'X25519', HYBRID);
    expect((await setup.client({ engine: 'forge', keyKind: [HYBRID, 'X25519', 'RSA'] }).handshake()).kind).toBe('RSA');
    expect((await setup.client({ engine: nodeEngine, keyKind: [HYBRID, 'P-256'] }).handshake()).kind).toBe('P-256');
    expect(asked).toEqual(['RSA', 'P-256']);
    const error = await errorOf(setup.client({ engine: 'forge', keyKind: [HYBRID, 'X25519'] }).handshake());
    expect(error).toMatchObject({ code: 'engine-unsupported', message: expect.stringContaining('X25519') });
  });

  it.each([
    ['busy', 503],
    ['too-large', 413],
    ['handshake-required', 428],
  ])('does not go on after `%s`, which refuses no kind', async (name, status) => {
    setup.server.refuse = (response) => (problem(response, status, name), true);
    const error = await errorOf(setup.client({ keyKind: [HYBRID, 'X25519'] }).fetch('/x'));
    expect(error).toMatchObject({ code: 'handshake-failed', problem: name });
    expect(setup.server.handshakes).toBe(1);
  });

  it('does not go on after an answer that breaks a rule', async () => {
    setup.server.tamper = (answer) => ({ ...answer, secret: undefined });
    const error = await errorOf(setup.client({ keyKind: [HYBRID, 'X25519'] }).fetch('/x'));
    expect(error).toMatchObject({ code: 'handshake-rejected' });
    expect(setup.server.handshakes).toBe(1);
  });

  it.each([[[]], [['X448']], ['X448'], [[HYBRID, 'x25519']], [[HYBRID, undefined]], [{}]])('is not %j', (keyKind) => {
    expect(() => createE2eClient({ baseUrl: 'http://a.test', keyKind: keyKind as never })).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        message: expect.stringMatching(/^keyKind must be one of RSA, /),
      }),
    );
  });
});

describe('a hybrid handshake', () => {
  it('sends one new key of 1,216 bytes, and opens a channel whose answers open', async () => {
    const keys: PublicJwk[] = [];
    setup.server.tamper = (answer, clientKey) => (keys.push(clientKey), answer);
    const client = setup.client({ keyKind: HYBRID });
    expect(await (await client.fetch('/x', post)).json()).toEqual({ a: 1 });
    await client.handshake({ renew: true });
    expect(keys.map((key) => key.kty === 'AKP' && Buffer.from(key.pub, 'base64url').length)).toEqual([1216, 1216]);
    const halves = keys.flatMap((key) => {
      const pub = Buffer.from(key.kty === 'AKP' ? key.pub : '', 'base64url');
      return [pub.subarray(0, 1184), pub.subarray(1184)].map((half) => half.toString('hex'));
    });
    expect(new Set(halves).size).toBe(4);
  });

  const x25519 = nodeEngine.generateKeyPair('X25519').publicKey;
  const other = nodeEngine.generateKeyPair('P-256').publicKey;
  const bytes = (length: number) => Buffer.alloc(length, 7).toString('base64url');
  it.each<[string, (answer: Record<string, unknown>, clientKey: PublicJwk) => Record<string, unknown>]>([
    ['no secret', (answer) => ({ ...answer, secret: undefined })],
    ['an empty secret', (answer) => ({ ...answer, secret: '' })],
    ['a secret that is no text', (answer) => ({ ...answer, secret: 1 })],
    ['a secret that is null', (answer) => ({ ...answer, secret: null })],
    ['a secret of 1,087 bytes', (answer) => ({ ...answer, secret: bytes(1087) })],
    ['a secret of 1,089 bytes', (answer) => ({ ...answer, secret: bytes(1089) })],
    ['a secret of 32 bytes', (answer) => ({ ...answer, secret: bytes(32) })],
    ['a secret with padding', (answer) => ({ ...answer, secret: `${String(answer.secret)}=` })],
    ['a secret that is a JWE', (answer) => ({ ...answer, secret: 'e30..AAAA.AAAA.AAAA' })],
    ["the client's own key", (answer, key) => ({ ...answer, publicKey: key, kid: thumbprint(key) })],
    ['a P-256 key', (answer) => ({ ...answer, publicKey: other, kid: thumbprint(other) })],
    ['another X25519 key under the kid', (answer) => ({ ...answer, publicKey: x25519 })],
  ])('is refused where the answer has %s', async (_, tamper) => {
    setup.server.tamper = tamper;
    expect(await errorOf(setup.client({ keyKind: HYBRID }).fetch('/x'))).toMatchObject({ code: 'handshake-rejected' });
    expect(setup.server.arrivals).toEqual([]);
  });

  it.each<KeyKind>(['X25519', 'P-256'])('is the only one but RSA with a secret: %s refuses one', async (keyKind) => {
    setup.server.tamper = (answer) => ({ ...answer, secret: bytes(1088) });
    expect(await errorOf(setup.client({ keyKind }).fetch('/x'))).toMatchObject({ code: 'handshake-rejected' });
  });

  it('shows a changed secret with the first message, or with a pin at once', async () => {
    setup.server.tamper = (answer) => ({ ...answer, secret: bytes(1088) });
    const error = await errorOf(setup.client({ keyKind: HYBRID }).fetch('/x', post));
    expect(error).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
    const identityKeys = [setup.server.useIdentity('Ed25519')];
    expect(await errorOf(setup.client({ keyKind: HYBRID, identityKeys }).fetch('/x'))).toMatchObject({
      code: 'identity-rejected',
    });
  });
});
