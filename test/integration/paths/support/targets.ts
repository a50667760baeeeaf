import fc from 'fast-check';
import { connect } from 'node:net';
import type { TestApp } from '../../e2e/support/apps.js';

/** Ways to write a path that leads under `/secret`, or might for somebody. */
export const FIXED = [
  '/secret',
  '/secret/live',
  '/secret/',
  '/SECRET',
  '/Secret/X',
  '//secret',
  '/secret//x',
  '///secret',
  '/%73ecret',
  '/%73%65cret/x',
  '/%2573ecret',
  '/./secret',
  '/x/../secret',
  '/secret/../secret/x',
  '/secret/..',
  '/x/%2e%2e/secret',
  '/%2fsecret',
  '/%5csecret',
  '\\secret',
  '/secret?x=1',
  '/secret?',
  '/secret#x',
  '/secret;x=1',
  '/secret;x/y',
  '//host/secret',
  'http://host/secret',
  'HTTP://host/%73ecret?x',
  '/secret/e2e/handshake',
  '/secret/e2e/identity',
  '/old',
  '/old/x',
  '/secret%2fx',
  '/secret%3fx',
  '/secret%23x',
  '/ſecret',
  '/%C5%BFecret',
  '/secret%00',
  '/secret.',
  '/q%2fr/%2e%2e/secret/live',
  '/a%3f%2f..%2fsecret%2fs.txt',
  '/a%23%2f..%2fsecret%2fs.txt',
  '/a%23/%2e%2e%2fsecret%2fs.txt',
  '/x/../secret/;/../s.txt',
  '/x/../secret//../s.txt',
  '/x//../secret/live',
  '/x/;/../../secret/live',
  '/x;/../secret/live',
  '/x#/../secret/live',
  '/x%5c..%5csecret/live',
  '/./x/.%2e/secret/live',
  '/%2e%2e/secret/s.txt',
  '/.%09./secret/live',
  '/sec%09ret/live',
  'http://h?x/secret/live',
  'http://u@h/secret/live',
  'http://h//secret/live',
  'http:///secret/live',
  '*/../secret/live',
];

/** What stands before or after the name may be of several of these, so that one hides what the other does. */
const PIECES = ['/x', '/..', '/%2e%2e', '/.%2e', '%2f..', '%5c..', '/', ';', '/;y', '%3f', '%23', '%2f', '/q%2fr'];
const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 3 }).map((each) => each.join(''));

const BEFORE = ['', '/', '//', '/.', '/x/..', '/%2e', '/x/%2E%2e', 'http://h', '/secret/..', '//h', 'http://h?x'];
const AFTER = [
  '',
  '/',
  '//',
  '?',
  '?a',
  '#',
  ';a',
  '/x',
  '/x/..',
  '/e2e/handshake',
  '%2f',
  '%20',
  '.',
  '/%2e',
  '%3f',
  '/s.txt',
  '/live',
];

/** The name of the path as clients may write it, among what may stand around it. */
export const variantOf = (styles: string[], after: string[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...BEFORE),
      pieces,
      fc.constantFrom('/', '//', '/./', '%2f', '\\', '/%2f'),
      fc.array(fc.constantFrom(...styles), { minLength: 6, maxLength: 6 }),
      pieces,
      fc.constantFrom(...after),
    )
    .map(([before, more, slash, chosen, rest, end]) => {
      const name = [...'secret'].map((letter, index) => styled(letter, chosen[index]!)).join('');
      return before + more + slash + name + rest + end;
    });

export const variant = variantOf(['plain', 'plain', 'upper', 'encoded', 'twice'], AFTER);

function styled(letter: string, style: string): string {
  const hex = letter.charCodeAt(0).toString(16);
  return { upper: letter.toUpperCase(), encoded: `%${hex}`, twice: `%25${hex}` }[style] ?? letter;
}

/** A request whose target stands there byte for byte. */
export function ask(app: TestApp, method: string, target: string, extra = ''): Promise<string> {
  const { port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => {
      const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n`;
      socket.write(`${head}${extra}Content-Length: 2\r\n\r\n{}`, 'utf8');
    });
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}
