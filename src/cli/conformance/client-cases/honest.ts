import { all, gives, GET, KINDS, understands, type ClientCase } from '../client-case.js';
import { JOSE, type RawAnswer } from '../answers.js';
import type { Exchange } from '../exchange.js';
import type { RequestCommand } from '../driven-client.js';
import { b64u, sealJwe, sha256, type Json } from '../secrets.js';
import { CANARY } from '../server.js';

// What every client must be able to do, and spellings that it must accept: PROTOCOL §4.

const sends = (name: string, request: RequestCommand, facts: Json, more: Partial<ClientCase> = {}): ClientCase => ({
  section: 4,
  name,
  server: {},
  requests: [request],
  expect: understands({ method: request.method, ...facts }),
  ...more,
});

const post = (body: string, type: string): RequestCommand => ({
  method: 'POST',
  target: '/notes',
  body: b64u(body),
  type,
});
const bodyFacts = (body: string, cty: string): Json => ({
  target: '/notes',
  cty,
  length: Buffer.byteLength(body),
  sha256: b64u(sha256(body)),
});
const LONG = 'z'.repeat(100_000);

const REQUESTS: readonly ClientCase[] = [
  sends('a GET', { method: 'GET', target: '/notes' }, { target: '/notes', length: 0, isCopy: false }, { kinds: KINDS }),
  sends('a POST with a body', post('{"a":1}', 'application/json'), bodyFacts('{"a":1}', 'application/json'), {
    kinds: KINDS,
  }),
  sends('a POST without a body', { method: 'POST', target: '/notes' }, { length: 0 }),
  sends('a DELETE', { method: 'DELETE', target: '/notes/1' }, { target: '/notes/1' }),
  sends('a body of 100,000 bytes', post(LONG, 'text/plain'), bodyFacts(LONG, 'text/plain')),
  sends('a body of bytes that are no text', post('\u0000é', 'image/png'), bodyFacts('\u0000é', 'image/png')),
  sends('a media type with parameters', post('x', 'text/plain; charset=utf-8'), { cty: 'text/plain; charset=utf-8' }),
  sends(
    'a body without a media type',
    { method: 'POST', target: '/notes', body: 'AAAA' },
    { cty: 'application/octet-stream' },
  ),
  {
    ...sends('a query, in the message or in the target', { method: 'GET', target: '/notes?search=a%20b&x=1' }, {}),
    expect(outcome, server, variant) {
      const { header, meta } = server.exchanges[0] ?? {};
      const sent = meta?.query === undefined ? header?.target : `${header?.target}?${meta.query}`;
      if (sent !== '/notes?search=a%20b&x=1') return `another query: ${sent}`;
      return gives({})(outcome, server, variant);
    },
  },
  sends(
    'an Idempotency-Key, in the message and beside it',
    { ...post('{}', 'application/json'), headers: { 'Idempotency-Key': 'k-1' } },
    { idem: 'k-1' },
  ),
  {
    ...sends('a Last-Event-ID, in the message alone', { ...GET, headers: { 'Last-Event-ID': '41' } }, {}),
    expect: understands({ headers: { 'last-event-id': '41' } }),
  },
  {
    ...sends('the numbers of ten requests', GET, {}),
    requests: Array.from({ length: 10 }, () => GET),
    expect(outcome, { exchanges }) {
      const numbers = exchanges.map(({ header }) => header.seq);
      const isUp = numbers.every((seq, index) => index === 0 || seq > numbers[index - 1]!);
      return outcome.error ?? (numbers.length === 10 && isUp ? undefined : `numbers ${numbers.join(', ')}`);
    },
  },
];

const accepts = (
  name: string,
  answer: (exchange: Exchange) => RawAnswer,
  facts: Parameters<typeof gives>[0] = {},
): ClientCase => ({
  section: 4,
  name,
  server: { answer },
  expect: gives({ body: CANARY, type: 'text/plain', ...facts }),
});
const spelled = (name: string, spell: (json: string) => string): ClientCase =>
  accepts(`a header with ${name}`, (exchange) => {
    const header = spell(JSON.stringify(exchange.head({ cty: 'text/plain' })));
    return { headers: JOSE, body: sealJwe(exchange.keys.response, header, CANARY) };
  });
const wrapped = (name: string, headers: Record<string, string>, status = 200): ClientCase =>
  accepts(name, (exchange) => ({ status, headers: { ...JOSE, ...headers }, body: exchange.seal(CANARY) }));
const fields = (headers: Json): string => JSON.stringify({ headers });

const ANSWERS: readonly ClientCase[] = [
  spelled('its members in another order', (json) =>
    JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(json) as Json).reverse())),
  ),
  spelled('spaces and line breaks', (json) => json.replace(/([,:{}])/g, ' $1\n')),
  spelled('escapes in names and values', (json) =>
    json.replace('"kid"', '"\\u006bid"').replace('"dir"', '"d\\u0069r"'),
  ),
  spelled('1.0 for 1', (json) => json.replace(/("(?:iat|seq|status)":\d+)/g, '$1.0')),
  spelled('exponents', (json) => json.replace('"status":200', '"status":2e2')),
  spelled('members that nobody knows', (json) => json.replace(/\}$/, ',"more":{"a":[null]},"device":1}')),
  accepts('an iat of long ago', (exchange) => exchange.sealed(CANARY, { iat: 1 })),
  accepts(
    'a cty with parameters',
    (exchange) => exchange.sealed(CANARY, { cty: 'text/plain; a="b;c"; charset="UTF-8"' }),
    {
      type: 'text/plain; a="b;c"; charset="UTF-8"',
    },
  ),
  wrapped('application/jose in capitals', { 'content-type': 'Application/JOSE' }),
  wrapped('application/jose with a parameter', { 'content-type': 'application/jose; charset=utf-8' }),
  wrapped('another status outside than inside', {}, 500),
  accepts('every status that has a body', (exchange) => exchange.sealed(CANARY, { status: 418 }), { status: 418 }),
  accepts('a 204', (exchange) => exchange.sealed('', { status: 204 }), { status: 204, body: '', type: undefined! }),
  accepts('a 200 without a body', (exchange) => exchange.sealed('', {}), { body: '', type: undefined! }),
  accepts('spaces after the meta object', (exchange) => exchange.sealed(CANARY, {}, `${fields({ 'x-a': '1' })}     `), {
    headers: { 'x-a': '1' },
  }),
  accepts('an empty meta object', (exchange) => exchange.sealed(CANARY, {}, '{}')),
  accepts('other members in the meta object', (exchange) => exchange.sealed(CANARY, {}, '{"more":null,"headers":{}}')),
  accepts(
    'header fields inside',
    (exchange) => exchange.sealed(CANARY, {}, fields({ location: '/notes/1', 'x-note': 'caf\u00e9', etag: '"1"' })),
    { headers: { location: '/notes/1', 'x-note': 'caf\u00e9' } },
  ),
  accepts(
    'names that never travel inside, which are ignored',
    (exchange) =>
      exchange.sealed(CANARY, {}, fields({ 'set-cookie': 'a=b', 'access-control-allow-origin': '*', 'x-a': '1' })),
    { headers: { 'set-cookie': undefined, 'access-control-allow-origin': undefined, 'x-a': '1' } },
  ),
  accepts(
    'header fields outside that count only from inside, or describe a body',
    (exchange) => ({
      ...exchange.sealed(CANARY, {}, fields({ 'x-twice': 'inside' })),
      headers: {
        ...JOSE,
        location: '/evil',
        'content-disposition': 'attachment',
        'content-language': 'de',
        link: '</evil>',
        'content-md5': 'AAAA',
        'content-location': '/evil',
        'x-twice': 'outside',
        'x-outside': 'stays',
      },
    }),
    {
      headers: {
        location: undefined,
        'content-disposition': undefined,
        'content-language': undefined,
        link: undefined,
        'content-md5': undefined,
        'content-location': undefined,
        'x-twice': 'inside',
        'x-outside': 'stays',
      },
    },
  ),
];

/** A response in one message over each kind of channel, and what the client must not lose of it. */
const KIND_CASES: readonly ClientCase[] = [
  {
    section: 3,
    name: 'an answer in one message',
    kinds: KINDS,
    server: { answer: (exchange) => exchange.sealed(CANARY, { status: 201 }) },
    expect: all(gives({ status: 201, body: CANARY })),
  },
];

export const honestCases: readonly ClientCase[] = [...KIND_CASES, ...REQUESTS, ...ANSWERS];
