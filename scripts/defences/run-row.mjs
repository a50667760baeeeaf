// The process of a shard: makes a row's edits in the shard's copy of the tree, runs the row's tests, undoes the edits.
import { runCLI } from 'jest';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2];

process.on('message', async (/** @type {any} */ row) => {
  const result = await run(row).catch((error) => ({ error: error.message }));
  process.send({ ...result, rss: process.memoryUsage.rss() });
});

async function run({ edits, test, only, timeout }) {
  const originals = new Map();
  try {
    for (const edit of edits) await make(edit, originals);
    return await runTests(test, only, timeout);
  } finally {
    for (const [path, text] of originals) await writeFile(path, text);
  }
}

/** Each edit has to fit exactly once. */
async function make([file, from, to], originals) {
  const path = join(folder, file);
  const text = await readFile(path, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} does not have this once: ${from}`);
  if (!originals.has(path)) originals.set(path, text);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
}

async function runTests(test, only, timeout) {
  const { results } = await runCLI(
    {
      _: [join(folder, test)],
      $0: 'jest',
      runTestsByPath: true,
      runInBand: true,
      silent: true,
      reporters: [],
      watchman: false,
      // Of any suite: those in test/external too, as far as they need no build.
      testMatch: [join(folder, 'test/**/*.spec.ts')],
      cacheDirectory: join(folder, '.jest'),
      testEnvironment: fileURLToPath(new URL('bail-environment.mjs', import.meta.url)),
      testTimeout: timeout * 1000,
      ...(only && { testNamePattern: only }),
    },
    [folder],
  );
  const [file] = results.testResults;
  if (!file) throw new Error(`${test} is no test`);
  const { testExecError, failureMessage, testResults } = file;
  const failure = testResults.find(({ status }) => status === 'failed');
  const broken = testExecError || testResults.length === 0;
  return {
    ran: testResults.filter(({ status }) => status === 'failed' || status === 'passed').length,
    // Why it failed: asked for only if nothing was removed.
    cause: failure?.failureMessages[0]?.slice(0, 1000),
    failed:
      failure?.title ??
      (broken ? `the file itself: ${(testExecError?.message ?? failureMessage)?.split('\n')[0]}` : undefined),
  };
}
