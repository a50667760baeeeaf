import { describe, expect, it } from '@jest/globals';
import { json, unknownKid, value } from './channel.js';
import { KINDS } from './peer.js';
import { expectProblem, expectSealedProblem, expectStatus, testbed, titles } from './testbed.js';

const bed = testbed();
const note = json({ title: 'elsewhere', body: '' });
const ada = json({ username: 'ada', password: 'lovelace' });

describe.each(KINDS)('a channel of kind %s belongs to its session', (kind) => {
  it('is handshake-required under another cookie, without one, and under a broken one', async () => {
    const [mine, other] = [await bed.visitor().handshake(kind), await bed.visitor().handshake(kind)];
    const stolen = async (cookie: string | undefined) =>
      bed.visitor().send({
        method: 'POST',
        target: '/notes',
        headers: { 'Content-Type': 'application/jose', ...(cookie === undefined ? {} : { Cookie: cookie }) },
        body: mine.message('POST', '/notes', note).jwe,
      });
    const cookie = String(mine.visitor.jar);
    for (const wrong of [
      String(other.visitor.jar),
      undefined,
      '',
      'nonsense',
      cookie.slice(0, -3),
      cookie.replace(/=.*/, '='),
      cookie.replace(/=.*/, '=s%3Amade-up.signature'),
    ]) {
      expectProblem(await stolen(wrong), 'handshake-required');
    }
    expect(await titles(mine)).toEqual([]);
    expect(await titles(other)).toEqual([]);
    expectStatus(await mine.request('POST', '/notes', note), 201);
  });

  it('is handshake-required if it is unknown', async () => {
    const mine = await bed.visitor().handshake(kind);
    for (const at of ['body', 'header'] as const) {
      const lost = mine.message('POST', '/notes', at === 'body' ? note : undefined, { kid: unknownKid() });
      expectProblem(await mine.post(lost, { at }), 'handshake-required');
    }
    expect(await titles(mine)).toEqual([]);
  });

  it('reads no note of another session', async () => {
    const [mine, other] = [await bed.visitor().handshake(kind), await bed.visitor().handshake(kind)];
    const { id } = value(await mine.request('POST', '/notes', note)) as { id: string };
    expectStatus(await other.request('GET', `/notes/${id}`), 404);
    expectStatus(await other.request('DELETE', `/notes/${id}`), 404);
    expectStatus(await mine.request('GET', `/notes/${id}`), 200);
  });
});

describe.each(KINDS)('a login over a channel of kind %s', (kind) => {
  it('moves only that channel to the new session, with its windows', async () => {
    const visitor = bed.visitor();
    const [mine, tab] = [await visitor.handshake(kind), await visitor.handshake(kind)];
    const made = mine.message('POST', '/notes', note);
    expectStatus(mine.open(await mine.post(made), made), 201);
    const old = visitor.jar.clone();
    const login = mine.message('POST', '/auth/login', ada);
    expectStatus(mine.open(await mine.post(login), login), 200);
    expect(String(visitor.jar)).not.toBe(String(old));

    // The new cookie: this channel goes on, the other tab's has ended, and what was sent before is a replay.
    expectStatus(await mine.request('GET', '/auth/me'), 200);
    expectProblem(await tab.post(tab.message('GET', '/notes')), 'handshake-required');
    expectSealedProblem(mine.open(await mine.post(made), made), 'message-replayed');
    expectSealedProblem(mine.open(await mine.post(login), login), 'message-replayed');
    expect(await titles(mine)).toEqual(['elsewhere']);

    // The old cookie: no channel opens under it any more, whichever.
    for (const one of [mine, tab]) {
      const late = one.message('POST', '/notes', note);
      expectProblem(await one.post(late, { headers: { Cookie: String(old) } }), 'handshake-required');
    }
    expect(await titles(mine)).toEqual(['elsewhere']);

    const again = await visitor.handshake(kind);
    expectStatus(await again.request('GET', '/auth/me'), 200);
    expect(await titles(again)).toEqual(['elsewhere']);
    expectStatus(await mine.request('GET', '/auth/me'), 200);
  });

  it('can be repeated', async () => {
    const channel = await bed.visitor().handshake(kind);
    for (let i = 0; i < 3; i++) expectStatus(await channel.request('POST', '/auth/login', ada), 200);
    expectStatus(await channel.request('GET', '/auth/me'), 200);
  });
});
