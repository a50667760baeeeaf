import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { chart } from './chart.mjs';
import { GOALS, goalTable } from './goals.mjs';
import { rows } from './rows/index.mjs';

const PAGE = new URL('../../docs/performance.md', import.meta.url);
const FOLDER = new URL('../../docs/performance/', import.meta.url);

/** Puts each measured row's tables into docs/performance.md, between its markers, and draws the chart of row 1 anew. */
export async function writeDocs({ machine, date, commit, command }, measured) {
  let text = readFileSync(PAGE, 'utf8');
  for (const [number, figures] of Object.entries(measured)) {
    if (Object.keys(figures).length === 0) continue;
    const goals = GOALS.filter(({ figure }) => figures[figure]);
    const parts = [
      `\`${command}\`, ${date}, ${machine}${commit ? `, commit ${commit}` : ''}.`,
      rows[number].print(figures),
      ...(goals.length > 0 ? [goalTable(goals, figures)] : []),
    ];
    text = replaceBetween(text, `bench:${number}`, parts.join('\n\n'));
  }
  writeFileSync(PAGE, await format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));
  const svg = measured[1] && chart(measured[1], `${machine}, ${date}`);
  if (!svg) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(new URL('cpu.svg', FOLDER), svg);
}

function replaceBetween(text, name, content) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
