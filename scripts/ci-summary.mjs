// Adds up what the runs of .ci/run left in reports/. Arguments: the jest suites that must have left a report, and after
// `--` each other phase with its exit code, as `lint=0`. Every phase counts as one check, every test as one.
import { existsSync, readFileSync } from 'node:fs';

const split = process.argv.indexOf('--');
const suites = process.argv.slice(2, split);
const phases = process.argv.slice(split + 1).map((phase) => phase.split('='));

let passed = 0;
let failed = 0;

for (const suite of suites) {
  const file = new URL(`../reports/${suite}.json`, import.meta.url);
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  const problems = counts
    ? [
        counts.failed > 0 && `${counts.failed} failed`,
        counts.skipped > 0 && `${counts.skipped} skipped`,
        counts.broken > 0 && `${counts.broken} files did not load`,
        counts.total === 0 && 'no tests at all',
      ].filter(Boolean)
    : ['no report'];
  console.log(`${suite}: ${counts?.passed ?? 0} passed${problems.length ? `, ${problems.join(', ')}` : ''}`);
  passed += counts?.passed ?? 0;
  // A skipped test, a file that did not load and a suite without tests are failures like any other.
  failed += counts ? counts.failed + counts.skipped + counts.broken + (counts.total === 0 ? 1 : 0) : 1;
}

for (const [phase, code] of phases) {
  console.log(`${phase}: ${code === '0' ? 'passed' : `failed with ${code}`}`);
  if (code === '0') passed++;
  else failed++;
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
