import { describe, expect, it } from '@jest/globals';
import { MAX_SEQ, parseRequestHeader, parseResponseHeader } from '../../../src/protocol/message.js';

const request = {
  alg: 'dir',
  enc: 'A256GCM',
  typ: 'e2e-req+jwe',
  kid: 'K',
  seq: 1,
  iat: 1795392005,
  method: 'POST',
  target: '/notes?draft=1',
};
const response = {
  alg: 'dir',
  enc: 'A256GCM',
  typ: 'e2e-res+jwe',
  kid: 'K',
  seq: 1,
  iat: 1795392006,
  status: 201,
};

const sharedRefusals: readonly (readonly [string, object])[] = [
  ['another alg', { alg: 'RSA-OAEP' }],
  ['alg "none"', { alg: 'none' }],
  ['no alg', { alg: undefined }],
  ['alg as an array', { alg: ['dir'] }],
  ['another enc', { enc: 'A128GCM' }],
  ['no enc', { enc: undefined }],
  ['typ in another case', { typ: 'E2E-REQ+JWE' }],
  ['no typ', { typ: undefined }],
  ['zip', { zip: 'DEF' }],
  ['zip of null', { zip: null }],
  ['crit', { crit: ['exp'] }],
  ['an empty crit', { crit: [] }],
  ['no kid', { kid: undefined }],
  ['kid as a number', { kid: 1 }],
  ['no seq', { seq: undefined }],
  ['seq 0', { seq: 0 }],
  ['seq below 0', { seq: -1 }],
  ['seq above 2³²', { seq: MAX_SEQ + 1 }],
  ['seq with a fraction', { seq: 1.5 }],
  ['seq as a string', { seq: '1' }],
  ['no iat', { iat: undefined }],
  ['iat with a fraction', { iat: 1795392005.5 }],
  ['iat below 0', { iat: -1 }],
  ['iat beyond whole numbers', { iat: 2 ** 53 }],
  ['iat as a string', { iat: '1795392005' }],
  ['iat as null', { iat: null }],
  ['cty as null', { cty: null }],
  ['an empty cty', { cty: '' }],
  ['cty without its type', { cty: 'json' }],
  ['cty with another charset', { cty: 'application/json; charset=latin1' }],
  ['cty with a parameter without a value', { cty: 'multipart/form-data; boundary' }],
  ['cty with a parameter that ends nowhere', { cty: 'a/b; c="d' }],
  ['cty of a message', { cty: 'Application/JOSE' }],
  ['cty of a stream', { cty: 'application/vnd.e2e.stream; a=b' }],
  ['cty with two parameters', { cty: 'text/plain; charset=utf-8; charset=utf-8' }],
  ['cty with a newline', { cty: 'text/plain\n' }],
  ['cty of 256 characters', { cty: `text/${'x'.repeat(251)}` }],
];

describe("a request's header", () => {
  const parse = (change: object) => parseRequestHeader(JSON.stringify({ ...request, ...change }));

  it.each([
    ['as it is', {}],
    ['with every optional member', { idem: 'I', cty: 'application/json', ek: 'QUJD', dev: 'a.b.c' }],
    ['in the plain way', { alg: 'RSA-OAEP-256' }],
    ['with the last seq', { seq: MAX_SEQ }],
    ['with an unknown member', { future: true }],
    ['with a charset', { cty: 'Text/Plain; Charset="UTF-8"' }],
    ['for OPTIONS *', { method: 'OPTIONS', target: '*' }],
    ['with a method that has a hyphen', { method: 'M-SEARCH' }],
  ])('is read %s', (_, change) => {
    expect(parse(change)).toEqual({ ...request, ...change });
  });

  it.each([
    ...sharedRefusals,
    ["a response's typ", { typ: 'e2e-res+jwe' }],
    ['no method', { method: undefined }],
    ['a method in lower case', { method: 'post' }],
    ['an empty method', { method: '' }],
    ['a method with a space', { method: 'POST ' }],
    ['no target', { target: undefined }],
    ['a target with its origin', { target: 'https://example.com/notes' }],
    ['an empty target', { target: '' }],
    ['idem as a number', { idem: 1 }],
    ['idem as null', { idem: null }],
    ['ek as null', { ek: null }],
    ['dev as an object', { dev: {} }],
  ] as const)('is refused with %s', (_, change) => {
    expect(parse(change)).toBeUndefined();
  });

  it('is refused with a member twice, even by an escape', () => {
    const json = JSON.stringify(request);
    expect(parseRequestHeader(json.replace('{', '{"seq":1,'))).toBeUndefined();
    expect(parseRequestHeader(json.replace('{', '{"s\\u0065q":1,'))).toBeUndefined();
  });

  it.each(['', '[]', 'null', '"x"', '{', '{}'])('is none where the text is %s', (json) => {
    expect(parseRequestHeader(json)).toBeUndefined();
  });

  it('takes no member from a prototype', () => {
    const { kid, ...rest } = request;
    const json = JSON.stringify(rest).replace('{', `{"__proto__":{"kid":"${kid}"},`);
    expect(parseRequestHeader(json)).toBeUndefined();
  });
});

describe("a response's header", () => {
  const parse = (change: object) => parseResponseHeader(JSON.stringify({ ...response, ...change }));

  it.each([
    ['as it is', {}],
    ['with every optional member', { cty: 'application/json', meta: 48, early: true }],
    ['in frames', { cty: 'text/plain', frames: 'body', length: 0 }],
    ["as a socket's", { status: 101, frames: 'socket' }],
    ['with status 204', { status: 204 }],
    ['with status 599', { status: 599 }],
  ])('is read %s', (_, change) => {
    expect(parse(change)).toEqual({ ...response, ...change });
  });

  it.each([
    ...sharedRefusals.filter(([name]) => name !== 'typ in another case'),
    ["a request's typ", { typ: 'e2e-req+jwe' }],
    ['no status', { status: undefined }],
    ['status 101', { status: 101 }],
    ['status 600', { status: 600 }],
    ['status as a string', { status: '200' }],
    ['early as false', { early: false }],
    ['meta as null', { meta: null }],
    ['meta of one byte', { meta: 1 }],
    ['meta over its limit', { meta: 16_385 }],
    ['frames of another name', { cty: 'text/plain', frames: 'file' }],
    ['frames without a media type', { frames: 'body' }],
    ['frames under a status without a body', { status: 204, cty: 'text/plain', frames: 'body' }],
    ['frames in the plain way', { alg: 'RSA-OAEP-256', cty: 'text/plain', frames: 'body' }],
    ['a length without frames', { cty: 'text/plain', length: 3 }],
    ['a negative length', { cty: 'text/plain', frames: 'body', length: -1 }],
    ["a socket's status without frames", { status: 101 }],
    ['a socket with a media type', { status: 101, frames: 'socket', cty: 'text/plain' }],
    ['a socket of status 200', { status: 200, frames: 'socket' }],
  ] as const)('is refused with %s', (_, change) => {
    expect(parse(change)).toBeUndefined();
  });
});
