import { b64u, unb64u } from './secrets.js';

// What breaks a rule in either direction: client and server are tried with the same.

/** An honest header's JSON, spelled otherwise. */
export const TEXTS: readonly [name: string, text: (json: string) => string | Uint8Array][] = [
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
export const METAS: readonly [name: string, meta: string][] = [
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
export const WIRES: readonly [name: string, change: (jwe: string, variant: number) => string][] = [
  ...[0, 2, 3, 4].flatMap((at): (typeof WIRES)[number][] => [
    [`a bit changed in its ${PARTS[at]}`, (jwe, variant) => parts(jwe, at, (part) => flip(part, variant * 7))],
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
