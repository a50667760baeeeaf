import { beforeAll, describe, expect, it } from '@jest/globals';
import { CompactEncrypt, compactDecrypt, importJWK } from 'jose';
import { type Channel, json, type Plaintext, type Sealed, value } from './channel.js';
import { type Members, openCompact, plainWay, thumbprint } from './peer.js';
import { expectProblem, expectSealedProblem, expectStatus, testbed, titles } from './testbed.js';
import type { Reply } from './wire.js';

/** PROTOCOL §4, the plain way, as a client in another language uses it: stock jose seals and opens everything. */
const bed = testbed();
let channel: Channel;
beforeAll(async () => {
  channel = await bed.visitor().handshake('RSA');
});

async function message(method: string, target: string, plaintext?: Plaintext, more: Members = {}) {
  const header = channel.header(method, target, {
    alg: 'RSA-OAEP-256',
    ek: undefined,
    cty: plaintext?.cty,
    ...more,
  });
  const key = await importJWK(channel.answer.publicKey, 'RSA-OAEP-256');
  const jwe = await new CompactEncrypt(Buffer.from((plaintext?.text ?? '') as string))
    .setProtectedHeader(header as { alg: string; enc: string })
    .encrypt(key);
  return { jwe, header };
}

/** Opens by jose, and once more by our own peer, which checks the rules for responses. */
async function open(reply: Reply, sent: { header: Members }): Promise<Sealed> {
  const key = await importJWK(channel.pair.privateKey.export({ format: 'jwk' }), 'RSA-OAEP-256');
  const { plaintext, protectedHeader } = await compactDecrypt(reply.body, key);
  const sealed = channel.open(reply, { ...sent, responseKey: Buffer.alloc(0) });
  expect(protectedHeader).toEqual(sealed.header);
  expect(Buffer.from(plaintext).toString()).toBe(sealed.text);
  return sealed;
}

async function request(method: string, target: string, plaintext?: Plaintext): Promise<Sealed> {
  const sent = await message(method, target, plaintext);
  return open(await channel.post(sent), sent);
}

describe('the plain RSA-OAEP-256 way with stock jose', () => {
  it('opens `secret`: 32 bytes', async () => {
    const key = await importJWK(channel.pair.privateKey.export({ format: 'jwk' }), 'RSA-OAEP-256');
    const { plaintext, protectedHeader } = await compactDecrypt(channel.answer.secret ?? '', key);
    expect(plaintext).toHaveLength(32);
    expect(protectedHeader).toMatchObject({ alg: 'RSA-OAEP-256', enc: 'A256GCM' });
    expect(Buffer.from(plaintext)).toEqual(channel.ss);
  });

  it('uses every route', async () => {
    expectStatus(await request('GET', '/auth/me'), 401);
    const made = await request('POST', '/notes', json({ title: 'by jose', body: 'ü' }));
    expectStatus(made, 201);
    const { id } = value(made) as { id: string };
    expect(value(await request('GET', `/notes/${id}`))).toMatchObject({ title: 'by jose', body: 'ü' });
    expect(value(await request('GET', '/notes?search=jose'))).toHaveLength(1);
    expectStatus(await request('POST', '/notes', json({ title: '' })), 400);
    expectStatus(await request('DELETE', `/notes/${id}`), 204);
    expectStatus(await request('GET', `/notes/${id}`), 404);
    for (const sent of [null, false, 0, '', 'text', ['é'], { a: { b: [] } }]) {
      const echo = await request('POST', '/echo', json(sent));
      expectStatus(echo, 201);
      expect(value(echo)).toEqual(sent);
    }
    expectStatus(await request('GET', '/boom'), 500);
    expect(value(await request('GET', '/raw'))).toEqual({ raw: true });
    expectStatus(await request('GET', '/nowhere'), 404);
    expectStatus(await request('POST', '/plain/echo', json(1)), 201);
    expectStatus(await request('GET', '/health'), 200);
    expectStatus(await request('POST', '/auth/login', json({ username: 'ada', password: 'x' })), 401);
    expectStatus(await request('POST', '/auth/login', json({ username: 'ada', password: 'lovelace' })), 200);
    expectStatus(await request('GET', '/auth/me'), 200);
  });

  it('has a window of its own: one seq in each way is no replay, two in one way are', async () => {
    const seq = channel.next();
    expectStatus(await channel.request('POST', '/echo', json('dir'), { members: { seq } }), 201);
    const plain = await message('POST', '/echo', json('plain'), { seq });
    expectStatus(await open(await channel.post(plain), plain), 201);
    expectSealedProblem(await open(await channel.post(plain), plain), 'message-replayed');
  });

  it('answers a stale message sealed in the same way', async () => {
    const old = await message('POST', '/echo', json(1), { iat: Math.floor(Date.now() / 1000) - 400 });
    expectSealedProblem(await open(await channel.post(old), old), 'message-stale');
  });

  it('does not prove its sender: anyone who knows the public key and the cookie can make one, as documented', async () => {
    const forged = await message('POST', '/notes', json({ title: 'forged', body: '' }));
    const reply = await channel.post(forged);
    expectStatus(await open(reply, forged), 201);
    expect(await titles(channel)).toContain('forged');
    // What comes back is for the client alone.
    const other = await bed.visitor().handshake('RSA');
    expect(() => openCompact(reply.body, plainWay(other.pair.privateKey))).toThrow();
  });

  it('is refused under another cookie, and on a channel that is not RSA', async () => {
    const sent = await message('POST', '/echo', json(1));
    expectProblem(await bed.visitor().send({ ...jose(sent.jwe) }), 'handshake-required');
    const curve = await channel.visitor.handshake('P-256');
    const wrong = await message('POST', '/echo', json(1), { kid: curve.kid });
    expect(thumbprint(curve.answer.publicKey)).toBe(curve.kid);
    expectProblem(await channel.visitor.send(jose(wrong.jwe)), 'message-rejected');
  });
});

const jose = (jwe: string) => ({
  method: 'POST',
  target: '/echo',
  headers: { 'Content-Type': 'application/jose' },
  body: jwe,
});
