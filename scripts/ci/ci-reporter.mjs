// A jest reporter: one small file a suite, in reports/, with its counts and the names of what failed, from which
// scripts/ci/ci-summary.mjs adds up.
import { mkdirSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

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
      names: results.testResults.flatMap(({ testFilePath, testExecError, testResults }) => {
        const file = relative(process.cwd(), testFilePath);
        const failures = testResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
        return [...failures, ...(testExecError ? ['does not load'] : [])].map((name) => `${file}: ${name}`);
      }),
    };
    const folder = new URL('../../reports/', import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL(`${process.env.SUITE ?? 'main'}.json`, folder), `${JSON.stringify(counts)}\n`);
  }
}
