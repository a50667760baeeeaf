// A jest reporter: one small file of counts a suite, in reports/, from which scripts/ci/ci-summary.mjs adds up.
import { mkdirSync, writeFileSync } from 'node:fs';

export default class CiReporter {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numTotalTests } = results;
    const counts = {
      total: numTotalTests,
      passed: numPassedTests,
      failed: numFailedTests,
      // A pending test is a skipped one.
      skipped: numPendingTests + numTodoTests + results.numPendingTestSuites,
      // Files that did not even load: they hold no tests to count.
      broken: results.numRuntimeErrorTestSuites,
    };
    const folder = new URL('../../reports/', import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL(`${process.env.SUITE ?? 'main'}.json`, folder), `${JSON.stringify(counts)}\n`);
  }
}
