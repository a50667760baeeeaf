import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { attacks } from './rows/index.js';

const page = readFileSync(new URL('../../../docs/attacks.md', import.meta.url), 'utf8');

/** The rows of the table under a heading, as they stand. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = page.split(new RegExp(`\n##+ ${heading}\n`));
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

  it('counts them', () => {
    const count = Object.values(attacks).flat().length;
    expect(page).toContain(`${count} attacks are tried`);
  });

  it('lists every defence that is taken away once, and what holds it', async () => {
    const { defences } = (await import(
      new URL('../../../scripts/defences/defences.mjs', import.meta.url).pathname
    )) as {
      defences: { name: string; test: string }[];
    };
    expect(tableUnder('Every defence, taken away once')).toEqual(
      defences.map(({ name, test }) => [name, `\`${test}\``]),
    );
    expect(page).toContain(`all ${defences.length} were noticed`);
  });
});
