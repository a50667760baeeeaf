import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Channel, form, search, json, value } from './channel.js';
import { KINDS } from './peer.js';
import { expectStatus, testbed, titles } from './testbed.js';

/** Messages that are right as messages, with a plaintext that is not: opened, so answered sealed, and never a crash. */
const bed = testbed();
const JSON_TYPE = 'application/json';

describe.each(KINDS)('over a channel of kind %s', (kind) => {
  let channel: Channel;
  beforeAll(async () => {
    channel = await bed.visitor().handshake(kind);
  });

  it.each<[string, string | Uint8Array]>([
    ['nothing but a brace', '{'],
    ['two values', '1 2'],
    ['a word', 'undefined'],
    ['NaN', 'NaN'],
    ['single quotes', "{'a':1}"],
    ['spaces alone', '   '],
    ['a NUL', '\0'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['an own __proto__', '{"__proto__":{"isAdmin":true}}'],
    ['a __proto__ further in', '{"a":[{"b":{"__proto__":{"isAdmin":true}}}]}'],
    ['an escaped __proto__', '{"a":{"\\u005f_proto__":{"isAdmin":true}}}'],
    ['100,000 arrays deep', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['50,000 objects deep', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['100,000 arrays deep and never closed', '['.repeat(100_000)],
  ])('%s as JSON is a sealed 400', async (_, text) => {
    for (const path of ['/echo', '/notes', '/auth/login', '/plain/echo']) {
      expectStatus(await channel.request('POST', path, { text, cty: JSON_TYPE }), 400);
    }
    expect(await titles(channel)).toEqual([]);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it('depth that people use is fine', async () => {
    const text = `${'['.repeat(20)}{"a":{"b":1}}${']'.repeat(20)}`;
    const sealed = await channel.request('POST', '/echo', { text, cty: JSON_TYPE });
    expectStatus(sealed, 201);
    expect(JSON.stringify(value(sealed))).toBe(text);
  });

  it('a member named twice, a lone surrogate and huge numbers are answered sealed, and do no harm', async () => {
    for (const text of [
      '{"a":1,"a":2}',
      '"\\ud800"',
      '1e999',
      `[${'9'.repeat(5000)}]`,
      '{"constructor":{"prototype":{"isAdmin":true}}}',
    ]) {
      expect((await channel.request('POST', '/echo', { text, cty: JSON_TYPE })).status).toBeLessThan(500);
    }
    expect(value(await channel.request('POST', '/echo', json({})))).toEqual({});
  });

  it('a media type the application does not read is no 2xx note, and no crash', async () => {
    for (const cty of [
      'text/plain',
      'text/html',
      'application/xml',
      'application/octet-stream',
      'multipart/form-data',
    ]) {
      const sealed = await channel.request('POST', '/notes', { text: '{"title":"x","body":"x"}', cty });
      expect(sealed.status).toBeGreaterThanOrEqual(400);
      expect(sealed.status).toBeLessThan(500);
    }
    expect(await titles(channel)).toEqual([]);
  });

  it('a form that means harm is answered sealed', async () => {
    const fields = Array.from({ length: 5000 }, (_, i) => `f${i}=1`).join('&');
    for (const query of [
      '__proto__[isAdmin]=1&title=x&body=x',
      'constructor[prototype][isAdmin]=1',
      `a${'[b]'.repeat(500)}=1`,
      fields,
      '%E0%A4%A',
      'a=%ff',
    ]) {
      await channel.request('POST', '/echo', form(query));
      if (query.length < 2500) await channel.request('GET', '/notes', search(query));
    }
    expect(value(await channel.request('POST', '/echo', json({})))).toEqual({});
  });

  it('ids that mean harm are 404', async () => {
    for (const id of ['__proto__', 'constructor', 'toString', '..%2f..%2fetc%2fpasswd', '%00', '0', '-1']) {
      expectStatus(await channel.request('GET', `/notes/${id}`), 404);
    }
  });

  it('notes of hostile text come back as they were', async () => {
    const title = '<img src=x onerror=alert(1)> "\' ${1} {{1}} \u202e';
    expectStatus(await channel.request('POST', '/notes', json({ title, body: '\u0000' })), 201);
    expect(await titles(channel)).toEqual([title]);
  });
});
