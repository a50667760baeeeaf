import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findLeaks } from '../../../src/testing/leaks.js';
import { hashesOf, secretsOfBody, secretsOfForm, type Secret } from '../../../src/testing/secrets.js';

const CANARY = 'canary 7f3a91é & "more"';
const utf8 = (text: string) => Buffer.from(text, 'utf8');
/** As it reaches a reader of the wire: bytes, one character each. */
const wire = (text: string) => utf8(text).toString('latin1');
const json = (value: unknown): Secret[] => secretsOfBody('body', 'application/json', utf8(JSON.stringify(value)));
const leaksIn = (secrets: readonly Secret[], text: string, known: string[] = []) =>
  findLeaks(secrets, [{ name: 'the place', text }], known).map((leak) => leak.replace(' can be read in the place', ''));

const ENCODINGS: Record<string, (text: string) => string> = {
  'as it is': wire,
  'in Latin-1': (text) => Buffer.from(text, 'latin1').toString('latin1'),
  'in upper case': (text) => wire(text.toUpperCase()),
  'in JSON': (text) => wire(JSON.stringify({ a: text })),
  'in JSON of ASCII': (text) =>
    JSON.stringify(text).replace(/[^ -~]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'in a URL': encodeURIComponent,
  'in a form': (text) => new URLSearchParams({ a: text }).toString(),
  'in a URL, every byte': (text) => [...utf8(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  'in HTML': (text) => wire(text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/é/g, '&#233;')),
  'in HTML, every character': (text) => [...text].map((each) => `&#x${each.codePointAt(0)!.toString(16)};`).join(''),
  'in quoted-printable': (text) =>
    [...utf8(text)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  'in base64': (text) => utf8(text).toString('base64'),
  'in base64url': (text) => utf8(text).toString('base64url'),
  'in hex': (text) => utf8(text).toString('hex'),
  'in HEX': (text) => utf8(text).toString('hex').toUpperCase(),
  'in hex with colons': (text) => utf8(text).toString('hex').match(/../g)!.join(':'),
};

const nameOf = (encode: unknown) => Object.entries(ENCODINGS).find(([, each]) => each === encode)![0];

describe('the search for leaks', () => {
  it.each(Object.entries(ENCODINGS))('finds a value %s', (_how, encode) => {
    expect(leaksIn(json({ title: CANARY }), encode(CANARY))).toEqual([
      expect.stringMatching(/the body member "title"$/),
    ]);
    expect(leaksIn(json({ title: CANARY }), `before=${encode(CANARY)}; after`)).toHaveLength(1);
    expect(leaksIn(json({ title: 'something else entirely' }), encode(CANARY))).toEqual([]);
  });

  it.each(Object.entries(ENCODINGS))('finds eight characters of a value %s', (_how, encode) => {
    for (let at = 0; at + 8 <= CANARY.length; at++) {
      expect(leaksIn(json({ title: CANARY }), encode(CANARY.slice(at, at + 8)))).toHaveLength(1);
    }
  });

  it('finds parts of any value, in one encoding upon another, at any offset', () => {
    const encoding = fc.constantFrom(...Object.values(ENCODINGS).filter((each) => each !== ENCODINGS['in Latin-1']));
    const ascii = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_ ') });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 10, max: 30 }),
        encoding,
        encoding,
        ascii,
        ascii,
        (start, length, inner, outer, before, after) => {
          const value = randomBytes(30).toString('base64url');
          const part = value.slice(start, start + length);
          if (part.length < 10) return;
          if (outer === ENCODINGS['in upper case'] && nameOf(inner).includes('base64')) return; // that is lossy
          const text = outer(inner(before + part + after));
          expect(leaksIn(json({ a: { b: [value] } }), text)).toEqual([
            expect.stringContaining('the body member "a.b[0]"'),
          ]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('finds names, and short ones as words', () => {
    const secrets = json({ title: 1, creditCard: 2, pin: { deepName: true } });
    expect(leaksIn(secrets, 'title,creditCard,pin')).toEqual(
      ['title', 'creditCard', 'pin'].map((name) => `the name of the body member "${name}"`),
    );
    expect(leaksIn(secrets, Buffer.from('{"pin":…}').toString('base64'))).toEqual([
      'the name of the body member "pin"',
    ]);
    expect(leaksIn(secrets, 'deepname')).toEqual(['the name of the body member "pin.deepName"']);
    expect(leaksIn(secrets, 'subtitle, spinning')).toEqual([]);
  });

  it.each<[string, string, string | Buffer, string, string]>([
    ['text', 'text/plain', 'nothing to see, canary-7f3a91', 'canary-7', 'part of the body'],
    ['HTML', 'text/html; charset=utf-8', '<p>canary-7f3a91</p>', 'ary-7f3a', 'part of the body'],
    ['a form', 'application/x-www-form-urlencoded', 'card=4111-2222&b=1', '4111-2222', 'the body member "card"'],
    [
      'a form, in part',
      'application/x-www-form-urlencoded',
      'card=my-4111-2222&b=1',
      'my-411',
      'part of the body member "card"',
    ],
    ['a form, by name', 'application/x-www-form-urlencoded', 'card=1', 'card', 'the name of the body member "card"'],
    ['a JSON text', 'application/json', '"canary-7f3a91"', 'canary-7f3a91', 'the body'],
    ['JSON of short values', 'application/json', '[1,2,3,4,5,6,7,8,9]', '1,2,3,4,5,6,7', 'part of the body'],
    ['what is no JSON', 'application/json', 'canary-7f3a91', 'canary-7f3a91', 'the body'],
    [
      'problem details',
      'application/problem+json',
      '{"detail":"canary-7f3a91"}',
      'canary-7f',
      'part of the body member "detail"',
    ],
    ['bytes', 'application/octet-stream', Buffer.from('00ff10203040506070', 'hex'), 'AP8QIDBAUGBw', 'the body'],
    ['bytes, in part', 'image/png', Buffer.from('89504e470d0a1a0a99', 'hex'), '504e470d0a1a0a', 'part of the body'],
    ['bytes without a type', '', Buffer.from('canary-7f3a91'), 'canary-7f', 'part of the body'],
    [
      'a multipart field',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="card"\r\n\r\n4111-2222\r\n--b--\r\n',
      '4111-2222',
      'the body part "card"',
    ],
    [
      'a multipart file',
      'multipart/form-data; boundary="b"',
      '--b\r\nContent-Disposition: form-data; name="file"; filename="plans.txt"\r\n\r\ncanary-7f3a91\r\n--b--\r\n',
      'plans.txt',
      'the file name of the body part "file"',
    ],
  ])('reads %s', (_what, type, body, shown, leak) => {
    const secrets = secretsOfBody('body', type, Buffer.from(body as string));
    expect(leaksIn(secrets, shown)).toEqual([leak]);
    expect(leaksIn(secrets, 'x-ray zulu 99')).toEqual([]);
  });

  it('reads a query: values and names', () => {
    const secrets = secretsOfForm('query', 'search=canary-7f3a91&page=1');
    expect(leaksIn(secrets, '?page=2')).toEqual(['the name of the query member "page"']);
    expect(leaksIn(secrets, 'canary-7')).toEqual(['part of the query member "search"']);
  });

  const digest = fc.constantFrom('md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha3-256', 'blake2b512');
  it('finds hashes of a body, of the same JSON, and of a value: in hex and base64, whole and cut off', () => {
    const value = 'ada@example.com';
    const body = '{ "email": "ada@example.com",  "n": 1 }';
    const bytes = utf8(body);
    const secrets = secretsOfBody('body', 'application/json', bytes);
    const hashes = hashesOf('body', bytes, secrets);
    fc.assert(
      fc.property(
        digest,
        fc.constantFrom<[string, RegExp]>(
          [body, /of the body$/],
          [JSON.stringify(JSON.parse(body)), /of the body$/],
          [value, /of the body member "email"$/],
        ),
        fc.constantFrom('hex', 'base64', 'base64url'),
        fc.constantFrom('', '"', 'W/"2a-', 'sha-256=:'),
        fc.boolean(),
        (name, [hashed, expected], encoding, before, isCut) => {
          const text = createHash(name)
            .update(hashed)
            .digest(encoding as 'hex');
          const shown = `${before}${isCut ? text.slice(0, encoding === 'hex' ? 16 : 12) : text}"`;
          expect(leaksIn(hashes, shown).filter((leak) => expected.test(leak))).not.toEqual([]);
        },
      ),
    );
    expect(leaksIn(hashes, createHash('sha256').update('another').digest('hex'))).toEqual([]);
  });
});

describe('what is no leak', () => {
  it('is a random identifier, a date or a length', () => {
    const big = {
      rows: Array.from({ length: 200 }, () => ({ id: randomUUID(), name: randomBytes(9).toString('base64') })),
    };
    const at = Date.now();
    const bytes = utf8(JSON.stringify({ ...big, createdAt: new Date(at).toISOString(), total: 200, at }));
    const secrets = secretsOfBody('response', 'application/json', bytes);
    const all = [...secrets, ...hashesOf('response', bytes, secrets)];
    for (let round = 0; round < 40; round++) {
      const texts = [
        randomUUID(),
        randomBytes(48).toString('base64url'),
        randomBytes(32).toString('hex'),
        `s%3A${randomBytes(24).toString('base64url')}.${encodeURIComponent(randomBytes(32).toString('base64'))}; Path=/`,
        new Date(at - round * 1000 - 5000).toUTCString(),
        new Date(at - round * 1000 - 5000).toISOString(),
        `${at - round - 10}`,
        `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
        `app;dur=${Math.random() * 100}`,
      ];
      for (const text of texts) expect(leaksIn(all, text)).toEqual([]);
    }
  });

  it('is what is known anyway', () => {
    const secrets = json({ path: '/notes/hello-world', type: 'application/jose' });
    expect(leaksIn(secrets, 'application/jose, hello-world', ['/notes/hello-world', 'application/jose'])).toEqual([]);
  });

  it('is what is too short, or all of one kind', () => {
    expect(leaksIn(json({ aa: 'short', b: 12345, c: true }), 'short 12345 true')).toEqual([]);
    expect(leaksIn(json({ aa: '----------', b: '0000000000x' }), '-------- 00000000')).toEqual([]);
  });
});
