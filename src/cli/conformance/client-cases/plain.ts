import { all, counts, fails, gives, GET, type ClientCase } from '../client-case.js';
import { JOSE, plainProblem, problemBody, type RawAnswer } from '../answers.js';
import type { Exchange } from '../exchange.js';
import { b64u } from '../secrets.js';
import { CANARY } from '../server.js';

// Answers in the clear, refusals, second copies and redirects: PROTOCOL §8, and the redirects of §4.

const JSON_TYPE = { 'content-type': 'application/json' };
const POST = { method: 'POST', target: '/secret', body: b64u('{}'), type: 'application/json' };

const plain = (name: string, raw: RawAnswer, more: Partial<ClientCase> = {}): ClientCase => ({
  section: 8,
  name,
  server: { answer: () => raw },
  expect: all(fails('plain-answer'), counts({ requests: 1 })),
  ...more,
});

const PLAIN: readonly ClientCase[] = [
  plain('a 200 with JSON in the clear', { headers: JSON_TYPE, body: JSON.stringify(CANARY) }),
  plain('a 200 without a type in the clear', { body: CANARY }),
  plain('a 204 in the clear', { status: 204 }),
  plain('a 302 in the clear', { status: 302, headers: { location: '/elsewhere' } }),
  plain('a 404 in the clear', { status: 404, headers: JSON_TYPE, body: JSON.stringify({ message: CANARY }) }),
  plain("a proxy's 502", { status: 502, headers: { 'content-type': 'text/html' }, body: `<p>${CANARY}</p>` }),
  plain('a problem of the application, in the clear', {
    status: 400,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ type: 'about:blank', detail: CANARY }),
  }),
  ...(['message-rejected', 'message-required', 'message-replayed', 'message-stale', 'too-large', 'busy'] as const).map(
    (name) => plain(`${name} in the clear`, plainProblem(400, name)),
  ),
  {
    ...plain('a message under text/plain', {}),
    server: { answer: (exchange) => ({ headers: { 'content-type': 'text/plain' }, body: exchange.seal(CANARY) }) },
  },
  {
    ...plain('an answer in the clear, which the caller expects', { headers: JSON_TYPE, body: '{"a":1}' }),
    requests: [{ ...GET, plain: true }],
    expect: gives({ body: '{"a":1}' }),
  },
  {
    ...plain(
      'a problem in the clear, where the caller expects an answer in the clear',
      plainProblem(400, 'message-rejected'),
    ),
    requests: [{ ...GET, plain: true }],
  },
];

const refusal = (exchange: Exchange, status: number, name: string): RawAnswer =>
  exchange.sealed(problemBody(status, name), { status, cty: 'application/problem+json; charset=utf-8' });
const again = (
  name: string,
  answer: (exchange: Exchange) => RawAnswer | undefined,
  more: Partial<ClientCase>,
): ClientCase => ({
  section: 8,
  name,
  server: { answer },
  expect: all(gives({ body: CANARY }), counts({ requests: 2, handshakes: 1 }), isCopy),
  ...more,
});
const isCopy: ClientCase['expect'] = (_, { exchanges }) =>
  exchanges.at(-1)?.header.again ? undefined : 'the second copy has no again';
const firstly =
  (first: (exchange: Exchange) => RawAnswer) =>
  (exchange: Exchange): RawAnswer =>
    exchange.count === 1 ? first(exchange) : exchange.sealed(CANARY);
const lost = () => plainProblem(428, 'handshake-required');
/** The error that is reported, and what came in. */
const ends = (code: string, requests: number): ClientCase['expect'] => all(fails(code), counts({ requests }));

const COPIES: readonly ClientCase[] = [
  again('handshake-required in the clear: a GET goes once more, on a new channel', firstly(lost), {
    kinds: ['RSA', 'P-256', 'X25519', 'MLKEM768-X25519'],
  }),
  again(
    'handshake-required, sealed: likewise',
    firstly((exchange) => refusal(exchange, 428, 'handshake-required')),
    {},
  ),
  again(
    'message-stale, sealed: likewise',
    firstly((exchange) => refusal(exchange, 400, 'message-stale')),
    {},
  ),
  again('a PUT goes once more', firstly(lost), { requests: [{ ...POST, method: 'PUT' }] }),
  again('a POST with an Idempotency-Key goes once more', firstly(lost), {
    requests: [{ ...POST, headers: { 'Idempotency-Key': 'k-1' } }],
  }),
  again('a POST goes once more if the caller says so', firstly(lost), { requests: [{ ...POST, resend: true }] }),
  again('a POST does not', firstly(lost), { requests: [POST], expect: ends('plain-answer', 1) }),
  again('a GET does not if the caller says so', firstly(lost), {
    requests: [{ ...GET, resend: false }],
    expect: ends('plain-answer', 1),
  }),
  again('handshake-required to the second copy, too: it ends there', lost, { expect: ends('plain-answer', 2) }),
  again(
    'message-replayed to the second copy: it ends there',
    (exchange) => (exchange.count === 1 ? lost() : refusal(exchange, 409, 'message-replayed')),
    { expect: ends('refused', 2) },
  ),
  again('the request after one that was not resent uses a new channel', firstly(lost), {
    requests: [POST, GET],
    expect: all(gives({ body: CANARY }), counts({ requests: 2, handshakes: 1 })),
  }),
];

const REFUSALS: readonly ClientCase[] = (
  [
    ['message-replayed', 409],
    ['too-large', 413],
    ['stream-broken', 400],
    ['busy', 503],
  ] as const
).map(([name, status]) => ({
  section: 8,
  name: `${name}, sealed, is no answer of the application`,
  server: { answer: (exchange) => refusal(exchange, status, name) },
  expect: (outcome, server, variant) =>
    ends('refused', 1)(outcome, server, variant) ??
    (outcome.problem === name ? undefined : `expected problem ${name}, got ${outcome.problem}`),
}));

const OWN: readonly ClientCase[] = [
  ['of another type', '{"type":"https://example.com/stale","status":409}', 'application/problem+json'],
  [
    'under a name that the protocol has not',
    '{"type":"urn:e2e:problem:mine","status":409}',
    'application/problem+json',
  ],
  ['that is plain JSON', '{"type":"urn:e2e:problem:message-stale"}', 'application/json'],
].map(([name, body, cty]) => ({
  section: 8,
  name: `a sealed problem ${name} is the application's`,
  server: { answer: (exchange: Exchange) => exchange.sealed(body!, { status: 409, cty }) },
  expect: gives({ status: 409, body: body!, type: cty! }),
}));

const redirect = (exchange: Exchange, status: number, location: string): RawAnswer =>
  exchange.sealed('', { status }, JSON.stringify({ headers: { location } }));
const follows = (name: string, status: number, location: string, more: Partial<ClientCase>): ClientCase => ({
  section: 4,
  name,
  server: { answer: (exchange) => (exchange.count === 1 ? redirect(exchange, status, location) : undefined) },
  expect: gives({}),
  ...more,
});
const arrives =
  (method: string, target: string, length: number): ClientCase['expect'] =>
  (_, { exchanges }) => {
    const { header, body } = exchanges.at(-1)!;
    const got = `${header.method} ${header.target} with ${body.length} bytes`;
    const wanted = `${method} ${target} with ${length} bytes`;
    return got === wanted && exchanges.length === 2 ? undefined : `expected ${wanted}, got ${got}`;
  };
const staysHere = all(fails('redirect-refused'), counts({ requests: 1 }));

const REDIRECTS: readonly ClientCase[] = [
  follows('a redirect within the origin is followed', 302, '/there', {
    expect: all(gives({}), arrives('GET', '/there', 0)),
  }),
  follows('a 303 turns a POST into a GET', 303, 'there', {
    requests: [POST],
    expect: all(gives({}), arrives('GET', '/there', 0)),
  }),
  follows('a 307 keeps the method and the body', 307, '/there', {
    requests: [POST],
    expect: all(gives({}), arrives('POST', '/there', 2)),
  }),
  follows('a redirect to another host is refused', 302, 'http://localhost:9/there', { expect: staysHere }),
  follows('a redirect without a scheme to another host is refused', 302, '//127.0.0.2/there', { expect: staysHere }),
  follows('a redirect to another scheme is refused', 302, 'https://127.0.0.1/there', { expect: staysHere }),
  {
    ...follows('the 21st redirect is refused', 302, '/there', {}),
    server: { answer: (exchange) => redirect(exchange, 302, `/there/${exchange.count}`) },
    expect: all(fails('redirect-refused'), counts({ requests: 21 })),
  },
  {
    ...follows('a location outside the message is not followed', 302, '', {}),
    server: {
      answer: (exchange) => ({ headers: { ...JOSE, location: '/there' }, body: exchange.seal('', { status: 302 }) }),
    },
    expect: all(gives({ status: 302, headers: { location: undefined } }), counts({ requests: 1 })),
  },
];

export const plainCases: readonly ClientCase[] = [...PLAIN, ...REFUSALS, ...OWN, ...COPIES, ...REDIRECTS];
