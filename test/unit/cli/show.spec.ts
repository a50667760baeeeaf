import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { layOut, presentBody } from '../../../src/cli/show.js';
import type { Terminal } from '../../../src/cli/terminal.js';

const terminal = (out: boolean) => ({ isTerminal: { out, err: out }, colours: true, columns: 80 }) as Terminal;
const present = (body: string | Uint8Array, type: string, isTerminal: boolean) => {
  const shown = presentBody(Buffer.from(body as string), type, terminal(isTerminal));
  return typeof shown === 'string' ? shown : Buffer.from(shown).toString();
};

describe('a body', () => {
  it.each<[string, string, string]>([
    ['{"a":1}', 'application/json', '{\n  "a": 1\n}\n'],
    ['{"a":1}\n', 'application/problem+json; charset=utf-8', '{\n  "a": 1\n}\n'],
    ['{"a":', 'application/json', '{"a":\n'],
    ['a text', 'text/plain', 'a text\n'],
    ['a text\n', 'text/plain', 'a text\n'],
    ['a=1', 'application/x-www-form-urlencoded', 'a=1\n'],
    ['<a/>', 'application/xml', '<a/>\n'],
    ['', 'application/json', ''],
  ])('%j of %s is the same on a terminal and in a pipe, and ends with a newline', (body, type, shown) => {
    expect(present(body, type, false)).toBe(shown);
    expect(present(body, type, true)).toBe(shown);
  });

  it('of bytes goes into a pipe as it is, and not to a terminal', () => {
    expect(present('\u001b[31m', 'image/png', false)).toBe('\u001b[31m');
    expect(present('\u001b[31m', 'image/png', true)).toBe('(5 bytes of image/png; not for a terminal)\n');
  });

  it('steers no terminal', () => {
    for (const type of ['text/plain', 'application/json', 'application/xml']) {
      // eslint-disable-next-line no-control-regex -- these are what is looked for
      expect(present('["\u009b31m\u007f"]\u001b[31m', type, true)).not.toMatch(/[\u001b\u007f\u009b]/);
    }
  });
});

describe('JSON', () => {
  it('is laid out as JSON.stringify does it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const shown = layOut(JSON.stringify(value));
        expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify(value)));

        if (!/[\u007f-\u009f]/.test(shown + JSON.stringify(value))) {
          expect(shown.replaceAll(/\\u00[89]\w|\\u007f/g, '')).toBe(
            JSON.stringify(value, undefined, 2).replaceAll(/[\u007f-\u009f]/g, ''),
          );
        }
      }),
    );
  });

  it('keeps numbers as they are written', () => {
    expect(layOut('[12345678901234567890, 1.0, 1e400]')).toBe('[\n  12345678901234567890,\n  1.0,\n  1e400\n]');
  });
});
