// Takes each defence away once, in a copy of the tree, and sees that the test which holds it fails: what proves that
// the test proves something. `npm run check:defences`, or with words to run only the defences whose names, or the names
// of whose files, have one of them. First the tests that the rows name run with nothing removed: a test that fails anyway proves nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defences } from './defences.mjs';
import { Shard } from './shard.mjs';

/** Most tests wait for most of their time: two to a core keep it at work. */
const SHARDS = Number(process.env.SHARDS) || 2 * availableParallelism();

/** From which scripts/ci/ci-summary.mjs names what failed. */
const REPORTS = new URL('../../reports/', import.meta.url);

const words = process.argv.slice(2);
const isMeant = ({ name, edits }) =>
  words.length === 0 || words.some((word) => name.includes(word) || edits.some(([file]) => file.includes(word)));
// `SHARD=2/3`: on the second of three machines, every third row.
const [part, parts] = (process.env.SHARD || '1/1').split('/').map(Number);
const chosen = defences.filter(isMeant).filter((_, index) => index % parts === part - 1);
const shards = Array.from({ length: Math.min(SHARDS, chosen.length) }, () => new Shard());
const started = performance.now();
const problems = [];
/** What the tests of a file took with nothing taken away, in seconds. */
const took = new Map();

const intact = [...new Set(chosen.map(({ test }) => test))].map((test) => {
  const patterns = chosen.filter((row) => row.test === test).map(({ only }) => only);
  const only = patterns.includes('') ? '' : patterns.map((each) => `(${each})`).join('|');
  return { test, only, edits: [], timeout: 120 };
});
await runAll(
  intact,
  () => 600,
  ({ test }, { failed, cause, error }, seconds) => {
    took.set(test, seconds);
    if (error ?? failed) problems.push(`${test}, with nothing removed: ${error ?? failed}\n${cause ?? ''}`);
  },
);
const intactSeconds = secondsSince(started);

// A removal may make a test wait for its timeout, or hang; how long that takes to tell depends on the machine.
await runAll(
  chosen.map((row) => ({ ...row, timeout: 10 + Math.ceil(2 * took.get(row.test)) })),
  ({ timeout }) => 60 + 4 * timeout,
  ({ name, test, only }, { ran, failed, error }, seconds) => {
    const unnoticed = ran === 0 ? `no test in ${test} matches /${only}/` : 'nobody noticed';
    const flaw = error ?? (failed ? undefined : unnoticed);
    if (flaw) problems.push(`${name}: ${flaw}`);
    console.log(`| ${name} | ${flaw ? `**${flaw}**` : failed} | ${seconds.toFixed(1)} s |`);
  },
);
for (const shard of shards) shard.stop();

for (const problem of problems) console.error(problem);
if (process.env.CI && problems.length > 0) {
  mkdirSync(REPORTS, { recursive: true });
  writeFileSync(
    new URL('defences.failures', REPORTS),
    problems.map((each) => `${each.replaceAll(/\s+/g, ' ')}\n`).join(''),
  );
}
console.log(
  `${chosen.length} defences in ${secondsSince(started).toFixed(0)} s, ${intactSeconds.toFixed(0)} s of it with nothing ` +
    `removed, in ${shards.length} processes: ${chosen.length - problems.length} noticed, ${problems.length} problems`,
);
process.exitCode = problems.length === 0 && chosen.length > 0 ? 0 : 1;

/** Runs the rows on all shards, each taking the next row when it is done, and calls `report` for each result. */
async function runAll(rows, limitOf, report) {
  const queue = [...rows];
  await Promise.all(
    shards.map(async (_, index) => {
      for (let row = queue.shift(); row; row = queue.shift()) {
        const from = performance.now();
        // A process that hangs or ends says nothing of the row, after hundreds of others: a new one decides.
        let result;
        for (let tries = 0; tries < 2 && (!result || shards[index].isDead); tries++) {
          if (shards[index].isDead) shards[index] = new Shard();
          result = await shards[index].run(row, limitOf(row));
        }
        report(row, result, secondsSince(from));
      }
    }),
  );
}

function secondsSince(from) {
  return (performance.now() - from) / 1000;
}
