import { describe, expect, it } from '@jest/globals';
import { parseRequestMeta, parseResponseMeta, renderMeta } from '../../../src/protocol/meta.js';

const json = (value: unknown): string => JSON.stringify(value);
const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'a']));

describe('the meta object', () => {
  it.each<[string, object]>([
    ['a query', { query: 'a=1&b=%20' }],
    ['a query of one character', { query: '!' }],
    ['a query of 8,192', { query: 'q'.repeat(8192) }],
    ['an empty header field', { headers: { 'x-a': '' } }],
    ['a value with a tab and a space inside', { headers: { 'x-a': 'a \t b' } }],
    ['64 header fields', { headers: fields(64) }],
    ['16 protocols', { protocols: Array.from({ length: 16 }, (_, index) => `p${index}`) }],
    ['members that nobody knows', { other: [1], query: 'a' }],
  ])('of a request may have %s', (_, meta) => {
    expect(parseRequestMeta(json(meta))).toBeDefined();
  });

  it.each<[string, unknown]>([
    ['an empty query', { query: '' }],
    ['a query over 8,192 characters', { query: 'q'.repeat(8193) }],
    ['a query with a space', { query: 'a b' }],
    ['a query with a fragment', { query: 'a#b' }],
    ['a query with a line break', { query: 'a\nb' }],
    ['a query beyond ASCII', { query: 'é' }],
    ['a query that is null', { query: null }],
    ['headers that are a list', { headers: [] }],
    ['headers that are null', { headers: null }],
    ['65 header fields', { headers: fields(65) }],
    ['a header name in upper case', { headers: { 'X-A': 'a' } }],
    ['a header name with a space', { headers: { 'x a': 'a' } }],
    ['an empty header name', { headers: { '': 'a' } }],
    ['a header value that is a number', { headers: { 'x-a': 1 } }],
    ['a header value with a line break', { headers: { 'x-a': 'a\r\nx-b: c' } }],
    ['a header value that begins with a space', { headers: { 'x-a': ' a' } }],
    ['a header value that ends with a tab', { headers: { 'x-a': 'a\t' } }],
    ['a header value beyond ASCII', { headers: { 'x-a': 'é' } }],
    ['a header value over 8,192 characters', { headers: { 'x-a': 'a'.repeat(8193) } }],
    ['no protocol in a list of them', { protocols: [] }],
    ['17 protocols', { protocols: Array.from({ length: 17 }, (_, index) => `p${index}`) }],
    ['a protocol twice', { protocols: ['a', 'a'] }],
    ['a protocol that is no token', { protocols: ['a b'] }],
    ['a list for an object', []],
    ['null for an object', null],
  ])('of a request has not %s', (_, meta) => {
    expect(parseRequestMeta(json(meta))).toBeUndefined();
  });

  it('names no member twice', () => {
    expect(parseRequestMeta('{"query":"a","query":"b"}')).toBeUndefined();
    expect(parseRequestMeta('{"headers":{"x-a":"1","x-a":"2"}}')).toBeUndefined();
    expect(parseResponseMeta('{"headers":{"x-a":"1","\\u0078-a":"2"}}')).toBeUndefined();
  });

  it('of an answer may have a byte above ASCII in a value, and no character above that', () => {
    expect(parseResponseMeta(json({ headers: { 'content-disposition': 'é' } }))?.headers).toEqual([
      ['content-disposition', 'é'],
    ]);
    expect(parseResponseMeta(json({ headers: { 'content-disposition': '€' } }))).toBeUndefined();
    expect(parseResponseMeta(json({ protocol: 'a b' }))).toBeUndefined();
  });

  it('is sealed by its own rules, and is none where there is nothing to say', () => {
    expect(renderMeta({}, 'client')).toBe('');
    expect(renderMeta({ headers: [] }, 'server')).toBe('');
    expect(renderMeta({ query: 'a b' }, 'client')).toBeUndefined();
    expect(renderMeta({ headers: [['x-a', 'a\nb']] }, 'server')).toBeUndefined();
    const named = renderMeta({ headers: [['__proto__', 'a']] }, 'client')!;
    expect(parseRequestMeta(named)?.headers).toEqual([['__proto__', 'a']]);
  });
});
