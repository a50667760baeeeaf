import { harmless, painter, type Paint, type Terminal } from './terminal.js';
import type { WireExchange } from './wire.js';

/** One half of a call, on the wire or as it was meant. */
interface Half {
  readonly start: string;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: string;
}

/** How many lines a long value takes at most. */
const MAX_LINES = 6;
const GAP = ' \u2502 ';

/** Wire data and plaintext side by side, for the request and the response. */
export function sideBySide(wire: WireExchange, meant: { request: Half; response: Half }, terminal: Terminal): string {
  const paint = painter(terminal, 'err');
  const width = Math.max(Math.floor((terminal.columns - GAP.length) / 2), 30);
  const path = new URL(wire.url).pathname + new URL(wire.url).search;
  const sent: Half = {
    start: `${wire.method} ${path}`,
    headers: Object.entries(wire.request.headers),
    body: wire.request.body,
  };
  const received: Half = {
    start: String(wire.response.status),
    headers: Object.entries(wire.response.headers),
    body: wire.response.body,
  };
  const title = [paint('bold', pad('ON THE WIRE', width)), paint('bold', 'IN PLAIN')].join(GAP);
  return [
    title,
    ...columns(sent, meant.request, width, paint, '>'),
    rule(width),
    ...columns(received, meant.response, width, paint, '<'),
    '',
  ].join('\n');
}

function columns(wire: Half, plain: Half, width: number, paint: Paint, arrow: string): string[] {
  const [left, right] = [linesOf(wire, width - 2), linesOf(plain, width - 2)];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index) => {
    const [seen = '', meant = ''] = [left[index], right[index]];
    return `${arrow} ${paint('red', pad(seen, width - 2))}${GAP}${paint('green', meant)}`.trimEnd();
  });
}

function linesOf({ start, headers, body }: Half, width: number): string[] {
  const lines = [start, ...[...headers].map(([name, value]) => `${name}: ${value}`), '', body];
  return lines.flatMap((line) => (line === '' ? [''] : line.split('\n').flatMap((each) => wrap(each, width))));
}

/** A line in pieces that fit; of a very long one, the beginning and its length. */
function wrap(line: string, width: number): string[] {
  const text = harmless(line);
  const pieces = Array.from({ length: Math.max(Math.ceil(text.length / width), 1) }, (_, index) =>
    text.slice(index * width, (index + 1) * width),
  );
  if (pieces.length <= MAX_LINES) return pieces;
  return [...pieces.slice(0, MAX_LINES - 1), `\u2026 ${text.length} characters in all`];
}

function pad(text: string, width: number): string {
  return text.padEnd(width);
}

function rule(width: number): string {
  return `${'\u2500'.repeat(width)}\u2500\u253c\u2500${'\u2500'.repeat(width)}`;
}

const TEXT_TYPE = /^(text\/|application\/([\w.+-]+\+)?(json|xml|javascript)|application\/x-www-form-urlencoded)/;

/**
 * A body as it is printed, the same on a terminal and in a pipe: JSON laid out, text with a newline at its end. Only on
 * a terminal, bytes and control characters are not printed.
 */
export function presentBody(bytes: Uint8Array, type: string, terminal: Terminal): string | Uint8Array {
  if (bytes.length === 0) return '';
  const text = TEXT_TYPE.test(type) ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) : undefined;
  if (text === undefined) {
    return terminal.isTerminal.out
      ? `(${bytes.length} bytes of ${type || 'no media type'}; not for a terminal)\n`
      : bytes;
  }
  const shown = /^application\/([\w.+-]+\+)?json/.test(type) ? layOut(text) : text;
  const safe = terminal.isTerminal.out ? harmless(shown) : shown;
  return safe.endsWith('\n') ? safe : `${safe}\n`;
}

/** JSON on several lines, its values as they are written: numbers are not rounded, names keep their order. */
export function layOut(json: string): string {
  try {
    JSON.parse(json);
  } catch {
    return json;
  }
  let depth = 0;
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? [];
  const line = () => `\n${'  '.repeat(depth)}`;
  return tokens
    .map((token, index) => {
      const isEmpty = (open: string) => tokens[index - 1] === open;
      if (token === '{' || token === '[') {
        const closes = tokens[index + 1] === (token === '{' ? '}' : ']');
        depth++;
        return closes ? token : token + line();
      }
      if (token === '}' || token === ']') {
        depth--;
        return isEmpty(token === '}' ? '{' : '[') ? token : line() + token;
      }
      if (token === ',') return token + line();
      if (token === ':') return ': ';
      return token.replace(/[\u007f-\u009f]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
    })
    .join('');
}
