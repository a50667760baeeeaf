// How fast it is, against plain requests to the same application, in real processes: docs/performance.md says how, and
// has the figures.
//
//   npm run bench -- [--short] [--floors] [--rows 1,3] [--sizes 1024,65536] [--ways RSA,X25519] [--rounds 9]
//                    [--json FILE] [--write] [--cpu-prof FOLDER]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FLOORS, GOALS, goalTable, isMet } from './goals.mjs';
import { circumstances } from './report.mjs';
import { rows, SHORT } from './rows/index.mjs';
import { writeDocs } from './write-docs.mjs';

const { values: given } = parseArgs({
  options: {
    short: { type: 'boolean' },
    floors: { type: 'boolean' },
    rows: { type: 'string' },
    sizes: { type: 'string' },
    ways: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean' },
    'cpu-prof': { type: 'string' },
  },
});

/** How often a row that is below a floor is measured once more. */
const AGAIN = 2;

const list = (text) => text?.split(',');
const asked = {
  sizes: list(given.sizes)?.map(Number),
  ways: list(given.ways),
  rounds: given.rounds && Number(given.rounds),
  profile: given['cpu-prof'],
};
const chosen = list(given.rows) ?? (given.short ? Object.keys(SHORT) : Object.keys(rows));

const facts = circumstances(['npm run bench', process.argv.slice(2).join(' ')].filter(Boolean).join(' -- '));
console.log(`${facts.machine}, ${facts.date}`);

/** A row's figures, measured and printed. */
async function measure(number) {
  const row = rows[number];
  if (!row) throw new Error(`there is no row ${number}: ${Object.keys(rows).join(', ')}`);
  console.log(`\n${number}. ${row.title}`);
  const defaults = (given.short && SHORT[number]) || row.defaults;
  const options = { ...defaults, ...Object.fromEntries(Object.entries(asked).filter(([, value]) => value)) };
  const began = performance.now();
  const measured = await row.measure({
    ...options,
    isShort: given.short === true,
    log: (line) => console.log(`   ${line}`),
  });
  if (given.write) await writeDocs(facts, { [number]: measured });
  console.log(`   ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  if (Object.keys(measured).length > 0) console.log(row.print(measured));
  return measured;
}

const figures = {};
for (const number of chosen) Object.assign(figures, await measure(number));

if (GOALS.some((goal) => isMet(goal, figures) !== undefined)) console.log(`\nGoals\n\n${goalTable(GOALS, figures)}`);
if (given.json) writeFileSync(given.json, `${JSON.stringify({ ...facts, figures }, null, 2)}\n`);
if (given.floors) {
  const missed = () => FLOORS.filter((floor) => isMet(floor, figures) !== true);
  // What else the machine does moves a short measure by a quarter. What has become slower is below each time.
  for (let again = 0; again < AGAIN && missed().length > 0; again++) await measureAgain(missed());
  console.log(`\nFloors\n\n${goalTable(FLOORS, figures)}`);
  if (missed().length > 0) {
    console.error('\nBelow a floor, or not measured.');
    process.exitCode = 1;
  }
}

/** @param {typeof FLOORS} floors those whose figures are taken anew */
async function measureAgain(floors) {
  console.log(`\nOnce more, for what is below its floor: ${floors.map(({ name }) => name).join('; ')}`);
  for (const number of new Set(floors.map(({ row }) => row))) {
    const measured = await measure(number);
    for (const { figure } of floors) if (measured[figure]) figures[figure] = measured[figure];
  }
}
