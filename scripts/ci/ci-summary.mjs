// Adds up how the phases of .ci/run ended. Arguments: each phase with its exit code, as `lint=0`. A phase `test` or
// `test:NAME` is a jest suite, and counts as its own report in reports/ says; any other counts as one check.
import { existsSync, readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;

for (const argument of process.argv.slice(2)) {
  const [phase, code] = argument.split('=');
  const counts = /^test(:|$)/.test(phase)
    ? readReport(phase.slice('test:'.length) || 'main')
    : { passed: 1, failed: 0 };
  // What failed without being counted: no report, or an exit code that no failed test explains.
  const unexplained = counts === undefined || (code !== '0' && counts.failed === 0);
  const failures = unexplained ? 1 : counts.failed;
  const passes = counts === undefined || (unexplained && !counts.isSuite) ? 0 : counts.passed;
  console.log(`${phase}: ${passes} passed, ${failures} failed${code === '0' ? '' : `, exit code ${code}`}`);
  passed += passes;
  failed += failures;
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** A skipped test, a file that did not load and a suite without tests are failures like any other. */
function readReport(suite) {
  const file = new URL(`../../reports/${suite}.json`, import.meta.url);
  if (!existsSync(file)) return undefined;
  const counts = JSON.parse(readFileSync(file, 'utf8'));
  if (counts.skipped > 0) console.log(`${suite}: ${counts.skipped} skipped`);
  const failed = counts.failed + counts.skipped + counts.broken + (counts.total === 0 ? 1 : 0);
  return { isSuite: true, passed: counts.passed, failed };
}
