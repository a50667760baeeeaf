import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Channel, search, json, type Message, value } from './channel.js';
import { KINDS, type KeyKind, b64u, sealText } from './peer.js';
import { expectProblem, expectStatus, testbed, titles } from './testbed.js';

const bed = testbed();
const open: Partial<Record<KeyKind, Channel>> = {};
const channelOf = (kind: KeyKind): Channel => {
  const channel = open[kind];
  if (!channel) throw new Error('no channel');
  return channel;
};
beforeAll(async () => {
  for (const kind of KINDS) open[kind] = await bed.visitor().handshake(kind);
});

describe.each(KINDS)('a request message over %s', (kind) => {
  it('may spell its header differently: order, spaces, escapes, unknown members', async () => {
    const channel = channelOf(kind);
    const header = channel.header('POST', '/echo', { cty: 'application/json' });
    const turned = Object.fromEntries(Object.entries({ ...header, x: { y: [1] }, apu: 'AA' }).reverse());
    const escaped = JSON.stringify(header).replace('"seq"', '"s\\u0065q"').replace('"/echo"', '"\\/ech\\u006f"');
    for (const text of [JSON.stringify(turned, null, ' \t'), ` ${escaped}\n`]) {
      const own = text.replace(/("s(?:e|\\u0065)q"\s*:\s*)\d+/, (_, name: string) => `${name}${channel.next()}`);
      const seq = (JSON.parse(own) as { seq: number }).seq;
      const message = { jwe: sealText(channel.keys.request, own, '[1]'), header: { ...header, seq } };
      const reply = await channel.post(message);
      expectStatus(channel.open(reply, { ...message, responseKey: channel.keys.response }), 201);
    }
  });

  it('may have a header of 4,096 bytes, and not of 4,097', async () => {
    const channel = channelOf(kind);
    const ofLength = (length: number) => {
      const header = channel.header('POST', '/echo', { cty: 'application/json', pad: '' });
      return { ...header, pad: 'x'.repeat(length - Buffer.byteLength(JSON.stringify(header))) };
    };
    const [fits, large] = [channel.seal(ofLength(4096), '1'), channel.seal(ofLength(4097), '1')];
    expectStatus(channel.open(await channel.post(fits), fits), 201);
    expectProblem(await channel.post(large), 'message-rejected');
  });

  it('may fill E2e-Request to 6,144 bytes, and not more', async () => {
    const channel = channelOf(kind);
    const ofLength = (length: number) => {
      for (let query = 300; ; query++) {
        const plaintext = JSON.stringify({ query: `search=${'x'.repeat(query)}` });
        const header = channel.header('GET', '/notes', { meta: plaintext.length, pad: '' });
        const rest = length - channel.seal(header, plaintext).jwe.length;
        const pad = Math.floor((rest * 3) / 4);
        for (const more of [pad - 1, pad, pad + 1]) {
          const message = channel.seal({ ...header, pad: 'x'.repeat(more) }, plaintext);
          const fits = Buffer.byteLength(JSON.stringify(message.header)) <= 4096;
          if (message.jwe.length === length && fits) return message;
        }
      }
    };
    const [fits, large] = [ofLength(6144), ofLength(6145)];
    expectStatus(channel.open(await channel.post(fits), fits), 200);
    const refused = await channel.post(large);
    // PROTOCOL §4 gives the bound, and neither it nor §8 says which of the two problems goes with it.
    expectProblem(refused, refused.status === 413 ? 'too-large' : 'message-rejected');
  });

  it('carries its true target, query and escapes included', async () => {
    const channel = channelOf(kind);
    for (const target of ['/notes?search=%63af%C3%A9', '/notes?search=a+b&x=1&x=2', '/notes?x=%zz', '/notes?']) {
      expectStatus(await channel.request('GET', target), 200);
    }
    expectStatus(await channel.request('POST', '/echo?draft=1&__proto__[x]=1', json(1)), 201);
  });

  it('seals a query of any shape', async () => {
    const channel = channelOf(kind);
    for (const query of [
      'search=',
      'x=1&x=2',
      '__proto__[x]=1&constructor[prototype][y]=2',
      'search=%F0%9F%94%90',
      '&&=',
    ]) {
      expectStatus(await channel.request('GET', '/notes', search(query)), 200);
    }
  });

  it('may use the padded plaintext, a charset, and media types in any case', async () => {
    const channel = channelOf(kind);
    for (const cty of [
      'application/json',
      'Application/JSON',
      'application/json; charset=utf-8',
      'application/json;charset=UTF-8',
    ]) {
      const sealed = await channel.request('POST', '/echo', { text: `{"p":1}${' '.repeat(57)}`, cty });
      expectStatus(sealed, 201);
      expect(value(sealed)).toEqual({ p: 1 });
    }
    const message = channel.message('POST', '/echo', json(1));
    const reply = await channel.post(message, { headers: { 'Content-Type': 'Application/JOSE' } });
    expectStatus(channel.open(reply, message), 201);
  });

  it('may come chunked, and be as large as the limit of 1 MiB allows', async () => {
    const channel = channelOf(kind);
    const large = 'x'.repeat(700_000);
    for (const chunked of [false, true]) {
      const sealed = await channel.request('POST', '/echo', json(large), { chunked });
      expectStatus(sealed, 201);
      expect(value(sealed)).toBe(large);
    }
    const tooLarge = channel.message('POST', '/echo', json('x'.repeat(2_000_000)));
    for (const chunked of [false, true]) expectProblem(await channel.post(tooLarge, { chunked }), 'too-large');
  });

  it('carries its Idempotency-Key', async () => {
    const channel = channelOf(kind);
    const outgoing = { headers: { 'Idempotency-Key': 'k-1' }, members: { idem: 'k-1' } };
    expectStatus(await channel.request('POST', '/echo', json(1), outgoing), 201);
  });

  it('of a POST without a body, and of a DELETE with one, is opened as well', async () => {
    const channel = channelOf(kind);
    // What the handler makes of no body is its own affair; that the answer comes back sealed is the protocol's.
    await channel.request('POST', '/echo', undefined, { at: 'header' });
    await channel.request('POST', '/echo', undefined, { at: 'body' });
    expectStatus(await channel.request('DELETE', '/notes/none', json({}), { at: 'body' }), 404);
  });

  it('is answered in full whatever conditional and Range headers ask for', async () => {
    const channel = channelOf(kind);
    for (const headers of [
      { 'If-None-Match': '*' },
      { 'If-Match': '"none"' },
      { 'If-Modified-Since': new Date(Date.now() + 86_400_000).toUTCString() },
      { 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
      { Range: 'bytes=0-1' },
      { Range: 'bytes=0-1', 'If-Range': '"x"' },
      { 'Accept-Encoding': 'gzip, br', TE: 'gzip' },
      { 'X-HTTP-Method-Override': 'DELETE', Accept: 'text/html' },
    ]) {
      const sealed = await channel.request('GET', '/notes', undefined, { headers });
      expectStatus(sealed, 200);
      expect(value(sealed)).toEqual([]);
    }
  });

  it('to any route is answered sealed, a missing one and the handshake itself too', async () => {
    const channel = channelOf(kind);
    for (const target of ['/favicon.ico', '/e2e/handshake', '/e2e', '/..%2f..%2fpackage.json', '/nowhere/at?all=1']) {
      await channel.request('GET', target);
    }
    await channel.request('POST', '/', json(1));
  });

  it('for a public file, which is no route, is answered sealed or with that very file', async () => {
    const channel = channelOf(kind);
    const page = await bed.visitor().send({ target: '/' });
    const message = channel.message('GET', '/');
    const reply = await channel.post(message);
    if (reply.headers['content-type']?.startsWith('text/html')) expect(reply.body).toBe(page.body);
    else channel.open(reply, message);
  });

  it('gets a response with a different IV each time', async () => {
    const channel = channelOf(kind);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => channel.request('POST', '/echo', json(i))));
    expect(answers.map(value)).toEqual(answers.map((_, i) => i));
    expect(new Set(answers.map(({ iv }) => iv)).size).toBe(40);
  });
});

describe('RSA channels', () => {
  it('take another cs with any message, in any order, and answer under the keys of that very message', async () => {
    const channel = channelOf('RSA');
    const messages: Message[] = [];
    for (let i = 0; i < 6; i++) {
      if (i % 2 === 0) channel.rekey();
      messages.push(channel.message('POST', '/echo', json(i)));
    }
    const mixed = [3, 0, 5, 1, 4, 2].map((i) => messages[i]).filter((message) => message !== undefined);
    const sealed = await Promise.all(mixed.map(async (message) => channel.open(await channel.post(message), message)));
    expect(sealed.map(value)).toEqual([3, 0, 5, 1, 4, 2]);
    expect(new Set(messages.map(({ header }) => header.ek)).size).toBe(3);
  });

  it('take the same cs under a new ek', async () => {
    const channel = channelOf('RSA');
    const cs = Buffer.alloc(32, 7);
    channel.rekey(cs);
    const first = channel.ek;
    expectStatus(await channel.request('POST', '/echo', json(1)), 201);
    channel.rekey(cs);
    expect(channel.ek).not.toBe(first);
    expectStatus(await channel.request('POST', '/echo', json(1)), 201);
  });
});

describe('what is printed', () => {
  it('holds no body, no sealed query, no key', async () => {
    const channel = channelOf('P-256');
    const canary = `canary-${b64u(channel.th).slice(0, 12)}`;
    await channel.request('POST', '/notes', json({ title: canary, body: canary }));
    await channel.request('GET', '/notes', search(`search=${canary}`));
    await channel.request('POST', '/echo', { text: `{"${canary}":`, cty: 'application/json' });
    await channel.request('GET', '/boom', search(`search=${canary}`));
    expect(await titles(channel)).toEqual([canary]);
    expect(bed.sample().output()).not.toContain(canary);
  });
});
