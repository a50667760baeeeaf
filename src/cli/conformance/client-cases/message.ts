import { fails, type ClientCase } from '../client-case.js';
import { JOSE, type RawAnswer } from '../answers.js';
import type { Exchange } from '../exchange.js';
import { METAS, TEXTS, WIRES } from '../changes.js';
import { sealJwe, type Json } from '../secrets.js';
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

const STATUS_TWICE: (typeof TEXTS)[number] = ['status twice', (json) => json.replace(/\}$/, ',"status":201}')];

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
  ...[...TEXTS, STATUS_TWICE].map(([name, text]) =>
    refused(`a header with ${name}`, (exchange) => {
      const header = JSON.stringify(exchange.head({ cty: 'text/plain' }));
      return sealJwe(exchange.keys.response, text(header), CANARY);
    }),
  ),
  ...METAS.map(([name, meta]) => refused(`a meta object ${name}`, (exchange) => exchange.seal(CANARY, {}, meta))),
  ...WIRES.map(([name, change]) =>
    refused(`a message with ${name}`, (exchange) => change(exchange.seal(CANARY), exchange.variant), {
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
