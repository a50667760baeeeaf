// Packs the package as npm would publish it, and has publint and "are the types wrong" look at the tarball; then builds
// the documentation, which fails with any warning, and checks its links.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'package-'));
const run = (command, ...args) => execFileSync(command, args, { stdio: 'inherit' });
try {
  // What is built already: `npm run check:package` builds before, and CI does it once for all.
  const output = execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { encoding: 'utf8' });
  const tarball = join(folder, output.trimEnd().split('\n').pop());
  run('npx', 'publint', 'run', tarball, '--strict');
  run('npx', 'attw', tarball, '--profile', 'strict');
  run('npx', 'typedoc', '--out', join(folder, 'reference'));
  run('node', 'scripts/docs/check-site.mjs', join(folder, 'reference'));
} finally {
  rmSync(folder, { recursive: true });
}
