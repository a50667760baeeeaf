import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Channel, json, type Message, type Sealed, value } from './channel.js';
import { KINDS } from './peer.js';
import { expectProblem, expectSealedProblem, expectStatus, testbed, titles } from './testbed.js';

const bed = testbed();
const now = (): number => Math.floor(Date.now() / 1000);
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** What `act` gives where it began and ended in one second, so that a boundary of whole seconds is tested to the second. */
async function withinOneSecond<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    if (Date.now() % 1000 > 250) await sleep(1010 - (Date.now() % 1000));
    const second = now();
    const result = await act();
    if (now() === second) return result;
  }
}

describe.each(KINDS)('the window of a channel of kind %s', (kind) => {
  const fresh = (): Promise<Channel> => bed.visitor().handshake(kind);
  const echo = (channel: Channel, seq: number): Promise<Sealed> =>
    channel.request('POST', '/echo', json(seq), { members: { seq } });
  const replay = async (channel: Channel, message: Message): Promise<Sealed> =>
    channel.open(await channel.post(message), message);

  it('takes a message once: the copy is a sealed 409', async () => {
    const channel = await fresh();
    const message = channel.message('POST', '/notes', json({ title: 'once', body: '' }));
    expectStatus(await replay(channel, message), 201);
    for (let i = 0; i < 3; i++) expectSealedProblem(await replay(channel, message), 'message-replayed');
    expect(await titles(channel)).toEqual(['once']);
  });

  it('takes one of twenty concurrent copies', async () => {
    const channel = await fresh();
    const message = channel.message('POST', '/notes', json({ title: 'one', body: '' }));
    const all = await Promise.all(Array.from({ length: 20 }, () => replay(channel, message)));
    expect(all.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    for (const sealed of all) if (sealed.status === 409) expectSealedProblem(sealed, 'message-replayed');
    expect(await titles(channel)).toEqual(['one']);
  });

  it('accepts a seq once, whatever else the message contains', async () => {
    const channel = await fresh();
    expectStatus(await echo(channel, 5), 201);
    expectSealedProblem(await echo(channel, 5), 'message-replayed');
    expectSealedProblem(await channel.request('GET', '/notes', undefined, { members: { seq: 5 } }), 'message-replayed');
  });

  it('takes them in any order, and in parallel', async () => {
    const channel = await fresh();
    for (const seq of [10, 5, 7, 1, 9, 1000, 2, 999]) expectStatus(await echo(channel, seq), 201);
    for (const seq of [10, 5, 7, 1, 9, 1000, 2, 999]) expectSealedProblem(await echo(channel, seq), 'message-replayed');
    const many = [...Array(60).keys()].map((i) => 1100 - i);
    expect((await Promise.all(many.map((seq) => echo(channel, seq)))).map(value)).toEqual(many);
  });

  it('is 1,024 wide: accepted only above the highest seen less 1,024', async () => {
    const channel = await fresh();
    expectStatus(await echo(channel, 3000), 201);
    expectSealedProblem(await echo(channel, 3000 - 1024), 'message-stale');
    expectSealedProblem(await echo(channel, 1), 'message-stale');
    expectStatus(await echo(channel, 3000 - 1023), 201);
    expectSealedProblem(await echo(channel, 3000 - 1023), 'message-replayed');
    expectStatus(await echo(channel, 3001), 201);
    expectSealedProblem(await echo(channel, 3000 - 1023), 'message-stale');
    expectStatus(await echo(channel, 3001 - 1022), 201);
  });

  it('takes up to 2³², in leaps too, and forgets nothing that is inside', async () => {
    const channel = await fresh();
    const top = 2 ** 32;
    for (const seq of [1, 33, 1057, 2 ** 31, 2 ** 31 + 32, top - 1, top]) expectStatus(await echo(channel, seq), 201);
    for (const seq of [top - 1, top]) expectSealedProblem(await echo(channel, seq), 'message-replayed');
    for (const seq of [1, 33, 1057, 2 ** 31, top - 1024]) {
      expectSealedProblem(await echo(channel, seq), 'message-stale');
    }
    expectStatus(await echo(channel, top - 1023), 201);
    expectProblem(await channel.post(channel.message('POST', '/echo', json(1), { seq: top + 1 })), 'message-rejected');
  });

  it('is not moved by what was refused before it', async () => {
    const channel = await fresh();
    const far = { seq: 500_000 };
    const broken = channel.message('POST', '/echo', json(1), far);
    const jwe = broken.jwe.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'));
    expectProblem(await channel.post({ ...broken, jwe }), 'message-rejected');
    expectProblem(
      await channel.post(channel.message('POST', '/other', json(1), far), { target: '/echo' }),
      'message-rejected',
    );
    const old = { ...far, iat: now() - 400 };
    expectSealedProblem(await channel.request('POST', '/echo', json(1), { members: old }), 'message-stale');
    expectStatus(await echo(channel, 1), 201);
    expectStatus(await echo(channel, 500_000), 201);
  });

  it('belongs to one channel', async () => {
    const channel = await fresh();
    const other = await channel.visitor.handshake(kind);
    expectStatus(await echo(channel, 900_000), 201);
    expectStatus(await echo(other, 1), 201);
  });
});

describe.each(KINDS)('iat on a channel of kind %s', (kind) => {
  let channel: Channel;
  beforeAll(async () => {
    channel = await bed.visitor().handshake(kind);
  });

  it.each([
    ['300 s old', -300, true],
    ['301 s old', -301, false],
    ['30 s ahead', 30, true],
    ['31 s ahead', 31, false],
    ['a day old', -86_400, false],
    ['1970', 'epoch', false],
    ['far ahead', 4e9, false],
  ])('%s', async (_, age, good) => {
    const before = await titles(channel);
    const answers = await withinOneSecond(async () => {
      const iat = age === 'epoch' ? 1 : now() + Number(age);
      const message = channel.message('POST', '/notes', json({ title: `iat ${age}`, body: '' }), { iat });
      const sent = async () => channel.open(await channel.post(message), message);
      return good ? [await sent()] : [await sent(), await sent()];
    });
    if (good) return expectStatus(answers[0]!, 201);
    for (const answer of answers) expectSealedProblem(answer, 'message-stale');
    expect(await titles(channel)).toEqual(before);
  });

  it('is judged when the head of the request arrived, not when its body had', async () => {
    const message = channel.message('POST', '/echo', json(1), { iat: now() - 297 });
    expectStatus(channel.open(await channel.post(message, { bodyAfter: 5000 }), message), 201);
  });
});
