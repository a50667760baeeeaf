// Adds up how the phases of .ci/run ended. Arguments: each phase with its exit code, what it took, its limit and
// its time of the processors, in seconds, as `lint=0=25=240=31`. A phase `test` or `test:NAME` is a jest suite, and
// counts as its own report in reports/ says; any other counts as one check, which may leave the names of what failed in
// reports/NAME.failures, a line each.
import { existsSync, readFileSync } from 'node:fs';

const phases = process.argv.slice(2).map((argument) => {
  const [name, code, took, limit, cpu] = argument.split('=');
  const counts = /^test(:|$)/.test(name)
    ? readReport(name.slice('test:'.length) || 'main')
    : { passed: 1, failed: 0, skipped: 0, names: readFailures(name) };
  // What failed without being counted: no report, or an exit code that no failed test explains.
  const unexplained = counts === undefined || (code !== '0' && counts.failed === 0);
  return {
    name,
    code: Number(code),
    took: Number(took),
    limit: Number(limit),
    cpu: Number(cpu),
    passed: counts === undefined || (unexplained && !counts.isSuite) ? 0 : counts.passed,
    failed: unexplained ? 1 : counts.failed,
    skipped: counts?.skipped ?? 0,
    names: counts?.names ?? [],
  };
});

const sum = (member) => phases.reduce((total, phase) => total + phase[member], 0);
const cells = [
  ['phase', 'took', 'limit', 'CPU', 'passed', 'failed', 'skipped', 'exit code'],
  ...phases.map(({ name, took, limit, cpu, passed, failed, skipped, code }) => [
    name,
    `${took} s`,
    `${limit} s`,
    `${cpu} s`,
    passed,
    failed,
    skipped,
    code,
  ]),
  ['all', `${sum('took')} s`, '', `${sum('cpu')} s`, sum('passed'), sum('failed'), sum('skipped'), ''],
].map((row) => row.map(String));
const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
for (const row of cells) {
  console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
}

for (const { name, names } of phases) for (const failure of names) console.log(`failed in ${name}: ${failure}`);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;

/** A skipped test, a file that did not load and a suite without tests are failures like any other. */
function readReport(suite) {
  const file = new URL(`../../reports/${suite}.json`, import.meta.url);
  if (!existsSync(file)) return undefined;
  const { total, passed, failed, skipped, broken, names } = JSON.parse(readFileSync(file, 'utf8'));
  return { isSuite: true, names, passed, skipped, failed: failed + skipped + broken + (total === 0 ? 1 : 0) };
}

function readFailures(check) {
  const file = new URL(`../../reports/${check}.failures`, import.meta.url);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}
