import { fails, type ClientCase } from '../client-case.js';
import { JOSE, type RawAnswer } from '../answers.js';
import type { Exchange } from '../exchange.js';
import { b64u, sealJwe, unb64u, type Json } from '../secrets.js';
import { CANARY } from '../server.js';

// Answers that open, and that break one rule each: no client may hand them over.

function refused(name: string, answer: (exchange: Exchange) => RawAnswer | string, more: Partial<ClientCase> = {}) {
  const server = {
    answer(exchange: Exchange): RawAnswer {
      const made = answer(exchange);
      return typeof made === 'string' ? { headers: JOSE, body: made } : made;
    },
  };
  return { section: 4, name, server, expect: fails('answer-rejected'), ...more };
}

/** Changes to an honest answer's header. */
const HEADERS: readonly [name: string, changes: Json][] = [
  ['another kid', { kid: 'A'.repeat(43) }],
  ['no kid', { kid: undefined }],
  ['kid: null', { kid: null }],
  ['no seq', { seq: undefined }],
  ['seq: null', { seq: null }],
  ['seq of 2³² + 1', { seq: 2 ** 32 + 1 }],
  ['the label of the plain way', { alg: 'RSA-OAEP-256' }],
  ['alg none', { alg: 'none' }],
  ['no alg', { alg: undefined }],
  ['alg: null', { alg: null }],
  ['alg in capitals', { alg: 'DIR' }],
  ['enc A128GCM', { enc: 'A128GCM' }],
  ['no enc', { enc: undefined }],
  ["a request's typ", { typ: 'e2e-req+jwe' }],
  ['typ in capitals', { typ: 'E2E-RES+JWE' }],
  ['no typ', { typ: undefined }],
  ['zip', { zip: 'DEF' }],
  ['zip: null', { zip: null }],
  ['crit', { crit: ['exp'], exp: 1 }],
  ['an empty crit', { crit: [] }],
  ['no status', { status: undefined }],
  ['status: null', { status: null }],
  ['a status as a string', { status: '200' }],
  ['status 99', { status: 99 }],
  ['status 101', { status: 101 }],
  ['status 199', { status: 199 }],
  ['status 600', { status: 600 }],
  ['status 200.5', { status: 200.5 }],
  ['no iat', { iat: undefined }],
  ['an iat as a string', { iat: '1795392000' }],
  ['iat: null', { iat: null }],
  ['a body without cty', { cty: undefined }],
  ['cty: null', { cty: null }],
  ['a cty without a subtype', { cty: 'text' }],
  ['a cty with another charset', { cty: 'text/plain; charset=latin1' }],
  ['a cty with a parameter twice', { cty: 'text/plain; a=1; A=2' }],
  ['a cty of a message', { cty: 'application/jose' }],
  ['a cty of 256 characters', { cty: `text/plain; a=${'b'.repeat(242)}` }],
  ['a cty with a line break', { cty: 'text/plain\r\nx: y' }],
  ['meta: null', { meta: null }],
  ['meta as a string', { meta: '2' }],
  ['meta of 1', { meta: 1 }],
  ['meta of 2.5', { meta: 2.5 }],
  ['meta longer than the plaintext', { meta: 5000 }],
  ['meta over its limit', { meta: 16_385 }],
  ['frames beside application/jose', { frames: 'body' }],
  ['frames: null', { frames: null }],
  ["a socket's frames", { frames: 'socket' }],
  ['a length without frames', { length: CANARY.length }],
  ['early: false', { early: false }],
  ['early: null', { early: null }],
  ['a header of more than 4,096 bytes', { more: 'x'.repeat(4096) }],
];

/** An honest header's JSON, spelled otherwise. */
const TEXTS: readonly [name: string, text: (json: string) => string | Uint8Array][] = [
  ['status twice', (json) => json.replace(/\}$/, ',"status":201}')],
  ['kid twice', (json) => json.replace(/^\{/, `{"kid":"${'A'.repeat(43)}",`)],
  ['seq twice, once escaped', (json) => json.replace(/\}$/, ',"\\u0073eq":7}')],
  ['an unknown member twice', (json) => json.replace(/\}$/, ',"x":1,"x":1}')],
  ['a member twice further in', (json) => json.replace(/\}$/, ',"x":{"a":1,"a":2}}')],
  ['an array around it', (json) => `[${json}]`],
  ['a byte order mark', (json) => `\ufeff${json}`],
  ['something after it', (json) => `${json}1`],
  ['a comma at the end', (json) => json.replace(/\}$/, ',}')],
  ['NaN', (json) => json.replace(/"iat":\d+/, '"iat":NaN')],
  ['bytes that are not UTF-8', (json) => Buffer.from(json.replace(/\}$/, ',"x":"\u00ff"}'), 'latin1')],
];

/** Meta objects that break a rule. */
const METAS: readonly [name: string, meta: string][] = [
  ['that is no JSON', '{"headers":'],
  ['that is an array', '[{}]'],
  ['that is null', 'null'],
  ['with a byte order mark', '\ufeff{}'],
  ['with a member twice', '{"headers":{},"headers":{}}'],
  ['with a field twice', '{"headers":{"x-a":"1","x-a":"2"}}'],
  ['with headers: null', '{"headers":null}'],
  ['with headers in an array', '{"headers":[["x-a","1"]]}'],
  ['with a field that is a number', '{"headers":{"x-a":1}}'],
  ['with a field that is null', '{"headers":{"x-a":null}}'],
  ['with a field that is a list', '{"headers":{"x-a":["1","2"]}}'],
  ['with a name in capitals', '{"headers":{"X-A":"1"}}'],
  ['with an empty name', '{"headers":{"":"1"}}'],
  ['with a name that is no token', '{"headers":{"x a":"1"}}'],
  ['with a line break in a field', '{"headers":{"x-a":"1\\r\\nx-b: 2"}}'],
  ['with a NUL in a field', '{"headers":{"x-a":"\\u0000"}}'],
  ['with a space before a field', '{"headers":{"x-a":" 1"}}'],
  ['with a tab after a field', '{"headers":{"x-a":"1\\t"}}'],
  ['with a field beyond Latin-1', '{"headers":{"x-a":"\\u0100"}}'],
  ['with 65 fields', JSON.stringify({ headers: Object.fromEntries(names(65).map((name) => [name, '1'])) })],
  ['with a field of 8,193 characters', JSON.stringify({ headers: { 'x-a': 'a'.repeat(8193) } })],
];

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `x-${index}`);
}

const parts = (jwe: string, at: number, change: (part: string) => string): string =>
  jwe
    .split('.')
    .map((part, index) => (index === at ? change(part) : part))
    .join('.');
const flip = (part: string, byte: number): string => {
  const bytes = unb64u(part);
  bytes[byte % bytes.length] = bytes[byte % bytes.length]! ^ 1;
  return b64u(bytes);
};
const PARTS = ['header', 'encrypted key', 'IV', 'ciphertext', 'tag'];
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The same bytes with an unused bit set; of a part without unused bits, one character more. */
const sloppy = (part: string): string =>
  part.length % 4 === 0 ? `${part}A` : part.slice(0, -1) + BASE64URL.charAt(BASE64URL.indexOf(part.at(-1)!) + 1);

/** An honest message, changed as text. */
const WIRES: readonly [name: string, change: (jwe: string, exchange: Exchange) => string][] = [
  ...[0, 2, 3, 4].flatMap((at): (typeof WIRES)[number][] => [
    [`a bit changed in its ${PARTS[at]}`, (jwe, { variant }) => parts(jwe, at, (part) => flip(part, variant * 7))],
    [`padding after its ${PARTS[at]}`, (jwe) => parts(jwe, at, (part) => `${part}=`)],
    [`unused bits set in its ${PARTS[at]}`, (jwe) => parts(jwe, at, sloppy)],
    [`a space in its ${PARTS[at]}`, (jwe) => parts(jwe, at, (part) => `${part.slice(0, 4)} ${part.slice(4)}`)],
    [`an empty ${PARTS[at]}`, (jwe) => parts(jwe, at, () => '')],
  ]),
  ['an encrypted key', (jwe) => parts(jwe, 1, () => 'AAAA')],
  ['an IV of 11 bytes', (jwe) => parts(jwe, 2, (part) => b64u(unb64u(part).subarray(1)))],
  ...[15, 12, 8, 4].map((length): (typeof WIRES)[number] => [
    `a tag cut to ${length} bytes`,
    (jwe) => parts(jwe, 4, (part) => b64u(unb64u(part).subarray(0, length))),
  ]),
  ['four parts', (jwe) => jwe.replace(/\.[^.]*$/, '')],
  ['six parts', (jwe) => `${jwe}.AAAA`],
  ['a line feed after it', (jwe) => `${jwe}\n`],
  ['a space before it', (jwe) => ` ${jwe}`],
  ['a byte order mark before it', (jwe) => `\ufeff${jwe}`],
  ['another message after it', (jwe) => `${jwe}\n${jwe}`],
  ['quotes around it', (jwe) => JSON.stringify(jwe)],
  ['nothing in it', () => ''],
];

const wrongKeys: readonly ClientCase[] = [
  refused('the request itself, sent back', ({ jwe }) => jwe),
  refused('an answer under the key of requests', (exchange) =>
    sealJwe(exchange.keys.request, exchange.head({ cty: 'text/plain' }), CANARY),
  ),
  refused('an answer under the key of frames', (exchange) =>
    sealJwe(exchange.keys.responseFrames, exchange.head({ cty: 'text/plain' }), CANARY),
  ),
  refused('an answer under a key of zeros', (exchange) =>
    sealJwe(new Uint8Array(32), exchange.head({ cty: 'text/plain' }), CANARY),
  ),
  refused('the answer to another request', (exchange) => exchange.seal(CANARY, { seq: exchange.header.seq + 1 })),
];

export const messageCases: readonly ClientCase[] = [
  ...HEADERS.map(([name, changes]) => refused(name, (exchange) => exchange.seal(CANARY, changes))),
  ...TEXTS.map(([name, text]) =>
    refused(`a header with ${name}`, (exchange) => {
      const header = JSON.stringify(exchange.head({ cty: 'text/plain' }));
      return sealJwe(exchange.keys.response, text(header), CANARY);
    }),
  ),
  ...METAS.map(([name, meta]) => refused(`a meta object ${name}`, (exchange) => exchange.seal(CANARY, {}, meta))),
  ...WIRES.map(([name, change]) =>
    refused(`a message with ${name}`, (exchange) => change(exchange.seal(CANARY), exchange), {
      ...(name.startsWith('a bit') && { variants: 8 }),
    }),
  ),
  ...wrongKeys,
  ...[204, 205, 304].map((status) =>
    refused(`a ${status} with a body`, (exchange) => exchange.seal(CANARY, { status }), {
      expect: (outcome, server, variant) => {
        const isShown = outcome.body.length > 0 || outcome.line.includes(CANARY);
        return isShown || outcome.error ? fails('answer-rejected')(outcome, server, variant) : undefined;
      },
    }),
  ),
];
