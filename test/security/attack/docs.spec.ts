import { describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { attacks } from './rows/index.js';

const PATH = new URL('../../../docs/attacks.md', import.meta.url);
const DEFENCES = new URL('../../../scripts/defences/defences.mjs', import.meta.url).pathname;

const { defences } = (await import(DEFENCES)) as { defences: { name: string; test: string }[] };
const attackCount = Object.values(attacks).flat().length;

const tables: Readonly<Record<string, readonly string[][]>> = {
  ...Object.fromEntries(
    Object.entries(attacks).map(([heading, rows]) => [heading, rows.map(({ attack, outcome }) => [attack, outcome])]),
  ),
  'Every defence, removed once': defences.map(({ name, test }) => [name, `\`${test}\``]),
};

// `npm run attacks` writes the tables and counts from the rows.
if (process.env.UPDATE_ATTACKS) await update();

const page = readFileSync(PATH, 'utf8');

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
  it.each(Object.keys(tables))('lists every row: %s', (heading) => {
    expect(tableUnder(heading)).toEqual(tables[heading]);
  });

  it('counts attacks and defences', () => {
    expect(page).toContain(`${attackCount} attacks are tried`);
    expect(page).toContain(`all ${defences.length} were noticed`);
  });
});

async function update(): Promise<void> {
  let text = readFileSync(PATH, 'utf8')
    .replace(/\d+ attacks are tried/, `${attackCount} attacks are tried`)
    .replace(/all \d+ were noticed/, `all ${defences.length} were noticed`);
  for (const [heading, rows] of Object.entries(tables)) {
    const [before = '', section = ''] = text.split(new RegExp(`(?<=\\n##+ ${heading}\\n)`));
    const [head = '', rule = ''] = section.split('\n').filter((line) => line.startsWith('| '));
    const lines = [head, rule, ...rows.map((cells) => `| ${cells.join(' | ')} |`)];
    text = before + section.replace(/(?:^\|.*\n)+/m, () => `${lines.join('\n')}\n`);
  }
  writeFileSync(PATH, await format(text, { parser: 'markdown', printWidth: 120, singleQuote: true }));
}
