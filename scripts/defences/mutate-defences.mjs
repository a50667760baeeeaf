// Takes each defence away once, in a copy of the tree, and sees that the test which holds it fails: what proves that
// the test proves something. `npm run check:defences`, or with words to run only the defences whose names have one of them.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defences } from './defences.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['src', 'test', 'docs', 'package.json', 'jest.config.mjs', 'tsconfig.json'];
const words = process.argv.slice(2);

const copy = await mkdtemp(join(tmpdir(), 'defences-'));
let unnoticed = 0;
try {
  for (const name of COPIED) await cp(join(ROOT, name), join(copy, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));

  for (const defence of defences.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  )) {
    const originals = await remove(defence);
    const failed = await failures(defence);
    for (const [path, text] of originals) await writeFile(path, text);
    if (failed.length === 0) unnoticed++;
    console.log(`| ${defence.name} | ${failed.length === 0 ? '**nobody noticed**' : failed[0]} | ${failed.length} |`);
  }
} finally {
  await rm(copy, { recursive: true });
}
process.exitCode = unnoticed === 0 ? 0 : 1;

/** Makes the defence's edits, each of which must fit exactly once, and gives back what was there. */
async function remove({ name, edits }) {
  const originals = new Map();
  for (const [file, from, to] of edits) {
    const path = join(copy, file);
    const text = await readFile(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${name}: ${file} does not have this once: ${from}`);
    if (!originals.has(path)) originals.set(path, text);
    await writeFile(
      path,
      text.replace(from, () => to),
    );
  }
  return originals;
}

/** The names of the tests that fail now. */
async function failures({ test, only = '' }) {
  const report = join(copy, 'report.json');
  const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', test, '-t', only];
  const options = ['--json', `--outputFile=${report}`, '--silent', '--testTimeout=10000', '--forceExit'];
  await new Promise((resolve) => execFile('node', [...jest, ...options], { cwd: copy }, resolve));
  const { testResults } = JSON.parse(await readFile(report, 'utf8'));
  await rm(report);
  if (testResults.length === 0) throw new Error(`no test is in ${test}`);
  return testResults.flatMap(({ assertionResults, message }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ title }) => title);
    return assertionResults.length === 0 ? [`the file itself: ${message.split('\n')[0]}`] : failed;
  });
}
