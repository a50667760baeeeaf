import { describe, expect, it } from '@jest/globals';
import { json, value } from './channel.js';
import {
  answerKind,
  type HandshakeResponse,
  HYBRID,
  type Jwk,
  type KeyKind,
  KINDS,
  keyPair,
  kindOf,
  thumbprint,
  unb64u,
  verifyProof,
} from './peer.js';
import { testbed, titles } from './testbed.js';
import { send } from './wire.js';

const bed = testbed();

describe.each(KINDS)('a handshake of kind %s', (kind) => {
  const forms: [string, boolean][] = [
    ['a JWK', false],
    ['PEM', true],
  ];
  // PROTOCOL §1: a hybrid key has no PEM.
  it.each(forms.slice(0, kind === HYBRID ? 1 : 2))(
    'with %s gives a channel that works, every field as §2 says',
    async (_, pem) => {
      const visitor = bed.visitor();
      const channel = await visitor.handshake(kind, { pem });
      const { answer } = channel;
      const expected = ['publicKey', 'kid', 'issuedAt', 'expiresAt', 'session', 'proof'];
      expect(Object.keys(answer).sort()).toEqual(
        [...expected, ...(kind === 'RSA' || kind === HYBRID ? ['secret'] : [])].sort(),
      );
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(answer.publicKey).not.toHaveProperty(member);
      expect(answer.kid).toBe(thumbprint(answer.publicKey));
      expect(kindOf(answer.publicKey)).toBe(answerKind(kind));
      if (kind === HYBRID) expect(unb64u(answer.secret ?? '')).toHaveLength(1088);
      expect(unb64u(answer.session)).toHaveLength(16);
      expect(Number.isInteger(answer.issuedAt)).toBe(true);
      expect(Math.abs(answer.issuedAt - Date.now() / 1000)).toBeLessThan(30);
      expect(Number.isInteger(answer.expiresAt)).toBe(true);
      expect(answer.expiresAt).toBeGreaterThan(answer.issuedAt);
      expect(String(visitor.jar)).not.toBe('');
      expect(decodeURIComponent(String(visitor.jar))).not.toContain(answer.session);
      const sealed = await channel.request('POST', '/echo', json({ hello: 'wörld' }));
      expect(sealed.status).toBe(201);
      expect(value(sealed)).toEqual({ hello: 'wörld' });
    },
  );

  it('is signed over the transcript by a key that GET /e2e/identity lists', async () => {
    const channel = await bed.visitor().handshake(kind);
    const reply = await send(bed.sample().base, { target: '/e2e/identity' });
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toMatch(/^application\/(jwk-set\+)?json/);
    const { keys } = JSON.parse(reply.body) as { keys: Jwk[] };
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(key).not.toHaveProperty('d');
    const identity = keys.find((key) => channel.answer.proof && header(channel.answer.proof).kid === thumbprint(key));
    if (!identity) throw new Error('the key that signed is not listed');
    const proven = verifyProof(channel.answer.proof ?? '', channel.th, identity);
    expect(proven).toEqual({ alg: 'Ed25519', typ: 'e2e-handshake+jws', kid: thumbprint(identity) });
  });

  it('is answered with a key and a kid of its own each time, `session` staying that of the session', async () => {
    const [visitor, other] = [bed.visitor(), bed.visitor()];
    const first = await visitor.handshake(kind);
    const second = await visitor.handshake(kind);
    const third = await other.handshake(kind);
    expect(new Set([first.kid, second.kid, third.kid]).size).toBe(3);
    expect(second.answer.session).toBe(first.answer.session);
    expect(third.answer.session).not.toBe(first.answer.session);
  });

  it('is answered with another key even where the same client key comes twice', async () => {
    const visitor = bed.visitor();
    const { jwk } = await keyPair(kind);
    const kids = [];
    for (let i = 0; i < 2; i++) {
      kids.push((JSON.parse((await visitor.ask({ publicKey: jwk })).body) as HandshakeResponse).kid);
    }
    expect(kids[0]).not.toBe(kids[1]);
  });

  it('takes the JSON in any spelling, and ignores members it does not know', async () => {
    const { jwk } = await keyPair(kind);
    const exported = { alg: 'RSA-OAEP-256', ...jwk, ext: true, key_ops: [], use: 'enc', kid: 'mine' };
    const text = ` { "unknown" : [ 1 ] , "public\\u004bey" :\n${JSON.stringify(exported, null, '\t')} } `;
    for (const type of ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON']) {
      const headers = { 'Content-Type': type };
      const reply = await bed.visitor().send({ method: 'POST', target: '/e2e/handshake', headers, body: text });
      expect(`${type} ${reply.status} ${reply.status === 201 ? '' : reply.body}`).toBe(`${type} 201 `);
    }
  });
});

const header = (jws: string): { kid?: string } =>
  JSON.parse(unb64u(jws.split('.')[0] ?? '').toString()) as { kid?: string };

describe('PEM', () => {
  it.each(['with CRLF', 'without the last newline'])('is taken %s', async (how) => {
    const { publicKey } = await keyPair('P-256');
    const pem = String(publicKey.export({ format: 'pem', type: 'spki' }));
    const spelled = how === 'with CRLF' ? pem.replace(/\n/g, '\r\n') : pem.trimEnd();
    expect((await bed.visitor().ask({ publicKey: spelled })).status).toBe(201);
  });
});

describe('RSA client keys', () => {
  it.each([3072, 4096])('of %d bits work', async (modulusLength) => {
    const channel = await bed.visitor().handshake('RSA', { modulusLength });
    expect(value(await channel.request('POST', '/echo', json([modulusLength])))).toEqual([modulusLength]);
  });
});

describe('the session', () => {
  it('is a cookie that scripts cannot read', async () => {
    const { jwk } = await keyPair('X25519');
    const reply = await bed.visitor().ask({ publicKey: jwk });
    const cookies = reply.headers['set-cookie'] ?? [];
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) expect(cookie).toMatch(/; *HttpOnly/i);
  });

  it('holds ten channels made in parallel, of all kinds, and each works', async () => {
    const visitor = bed.visitor();
    await visitor.handshake('X25519');
    const kinds: KeyKind[] = [...KINDS, ...KINDS, ...KINDS, 'P-256'];
    const channels = await Promise.all(kinds.map((kind) => visitor.handshake(kind)));
    const echoes = await Promise.all(channels.map((channel, i) => channel.request('POST', '/echo', json(i))));
    expect(echoes.map(value)).toEqual(kinds.map((_, i) => i));
  });

  it('is shared by its channels: a note of one is seen by the other', async () => {
    const visitor = bed.visitor();
    const [one, two] = [await visitor.handshake('P-256'), await visitor.handshake('X25519')];
    await one.request('POST', '/notes', json({ title: 'shared', body: '' }));
    expect(await titles(two)).toEqual(['shared']);
  });

  it('bounds its channels, and the one least recently used goes', async () => {
    const visitor = bed.visitor();
    const [kept, idle] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
    for (let i = 0; i < 70; i++) {
      await visitor.handshake('X25519');
      expect((await kept.request('GET', '/notes')).status).toBe(200);
    }
    expect((await idle.post(idle.message('GET', '/notes'))).status).toBe(428);
  });

  it('of visitors without a cookie is one each, however parallel they come', async () => {
    const visitors = Array.from({ length: 8 }, () => bed.visitor());
    const channels = await Promise.all(visitors.map((visitor) => visitor.handshake('X25519')));
    expect(new Set(channels.map(({ answer }) => answer.session)).size).toBe(8);
    await Promise.all(channels.map((one, i) => one.request('POST', '/notes', json({ title: `n${i}`, body: '' }))));
    expect(await Promise.all(channels.map(titles))).toEqual(channels.map((_, i) => [`n${i}`]));
  });
});
