import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { attacks } from './rows/index.js';

const page = readFileSync(new URL('../../docs/attacks.md', import.meta.url), 'utf8');

/** The rows of the table under a heading, as they stand. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = page.split(`\n### ${heading}\n`);
  const lines = section.split('\n### ')[0]!.split('\n## ')[0]!.split('\n');
  return lines
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))
    .filter(([first = '']) => !/^-+$/.test(first));
}

describe('docs/attacks.md', () => {
  it.each(Object.keys(attacks))('lists what is tried: %s', (heading) => {
    const tried = attacks[heading]!.map(({ attack, outcome }) => [attack, outcome]);
    expect(tableUnder(heading)).toEqual(tried);
  });
});
