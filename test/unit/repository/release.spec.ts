import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPTS = fileURLToPath(new URL('../../../scripts/release/', import.meta.url));
const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - never published\n\n- All.\n';

let folder: string;
let origin: string;
let clone: string;
/** The environment: whoever runs the tests signs nothing here, and has no `gh` that reaches GitHub. */
let env: NodeJS.ProcessEnv;

const git = (...args: string[]): string => execFileSync('git', args, { cwd: clone, encoding: 'utf8', env }).trim();
const read = (name: string): string => readFileSync(join(clone, name), 'utf8');

function commit(files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(clone, name), text);
  git('add', '--all');
  git('commit', '--quiet', '--message', 'test: change files');
  return git('rev-parse', 'HEAD');
}

/** What `gh` answers of a commit. */
function answerOfCi(runs: unknown): void {
  writeFileSync(join(folder, 'bin', 'gh'), `#!/bin/sh\necho '${JSON.stringify(runs)}'\n`, { mode: 0o755 });
}

function release(...args: string[]): { code: number | null; out: string; err: string } {
  const script = join(clone, 'scripts/release/release.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: clone,
    encoding: 'utf8',
    env,
  });
  return { code: status, out: stdout, err: stderr };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'release-'));
  origin = join(folder, 'origin');
  mkdirSync(join(folder, 'bin'));
  const person = { NAME: 'A', EMAIL: 'a@example.com' };
  const identity = Object.entries(person).flatMap(([key, value]) =>
    ['AUTHOR', 'COMMITTER'].map((role) => [`GIT_${role}_${key}`, value]),
  );
  env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    ...Object.fromEntries(identity),
  };
  clone = origin;
  mkdirSync(join(origin, 'scripts/release'), { recursive: true });
  cpSync(SCRIPTS, join(origin, 'scripts/release'), { recursive: true });
  execFileSync('git', ['init', '--quiet', '--initial-branch', 'main', origin], { env });
  const manifest = { name: 'a', version: '0.1.0', type: 'module' };
  const lock = { ...manifest, lockfileVersion: 3, requires: true, packages: { '': manifest } };
  commit({
    'package.json': JSON.stringify(manifest, undefined, 2),
    'package-lock.json': JSON.stringify(lock, undefined, 2),
    'CHANGELOG.md': CHANGELOG,
  });
});
beforeEach(() => {
  clone = mkdtempSync(join(folder, 'clone-'));
  execFileSync('git', ['clone', '--quiet', origin, clone], { env });
  answerOfCi([{ conclusion: 'success' }]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run release', () => {
  it('gives the section a version and a date, sets the version, commits and tags', () => {
    const { code, out } = release('minor');
    expect([code, out]).toEqual([0, expect.stringContaining('git push origin main v0.2.0')]);
    expect(out).toContain('with provenance');
    const date = new Date().toISOString().slice(0, 10);
    const head = '# Changelog\n\n## [Unreleased]\n\n';
    expect(read('CHANGELOG.md')).toBe(
      CHANGELOG.replace('## [Unreleased]', `## [0.2.0] - ${date}`).replace('# Changelog\n\n', head),
    );
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '0.2.0' });
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({ version: '0.2.0' });
    expect(git('status', '--porcelain')).toBe('');
    expect(git('log', '-1', '--format=%s')).toBe('chore: release 0.2.0');
    expect(git('rev-parse', 'v0.2.0^{commit}')).toBe(git('rev-parse', 'HEAD'));
    expect(git('rev-parse', 'origin/main')).toBe(git('rev-parse', 'HEAD~1'));
  });

  it('changes nothing with --dry-run, and shows the section', () => {
    const before = git('rev-parse', 'HEAD');
    const { code, out } = release('1.0.0', '--dry-run');
    expect([code, out]).toEqual([0, expect.stringMatching(/Would release v1\.0\.0[^]*- A thing\.\n$/)]);
    expect([git('rev-parse', 'HEAD'), git('status', '--porcelain'), git('tag')]).toEqual([before, '', '']);
  });

  it.each<[string, () => unknown, string[], RegExp]>([
    ['a dirty tree', () => writeFileSync(join(clone, 'new.txt'), ''), ['minor'], /has changes[^]*new\.txt/],
    ['another branch', () => git('switch', '--quiet', '--create', 'mine'), ['minor'], /on main; this is mine/],
    ['no branch', () => git('switch', '--quiet', '--detach'), ['minor'], /on main; this is no branch/],
    ['a red CI', () => answerOfCi([{ conclusion: 'failure' }]), ['minor'], /CI for [0-9a-f]{12} is failure/],
    ['a CI that runs', () => answerOfCi([{ conclusion: '' }]), ['minor'], /is still running/],
    ['no CI', () => answerOfCi([]), ['minor'], /is missing/],
    ['no answer of CI', () => writeFileSync(join(folder, 'bin', 'gh'), '#!/bin/sh\nexit 1\n'), ['minor'], /is unknown/],
    [
      'an empty section',
      () => commit({ 'CHANGELOG.md': CHANGELOG.replace('- A thing.\n', '') }),
      ['minor'],
      /missing or empty/,
    ],
    ['no section', () => commit({ 'CHANGELOG.md': '# Changelog\n' }), ['minor'], /missing or empty/],
    ['a tag that exists', () => git('tag', 'v0.2.0'), ['minor'], /tag v0\.2\.0 exists/],
    ['the version that it has', () => undefined, ['0.1.0'], /no version above 0\.1\.0/],
    ['a word', () => undefined, ['next'], /no version above 0\.1\.0/],
    ['no version', () => undefined, [], /Usage/],
    ['an option that is not there', () => undefined, ['minor', '--force'], /force[^]*Usage/],
  ])('refuses %s, and changes nothing', (_, prepare, args, says) => {
    prepare();
    const before = [git('rev-parse', 'HEAD'), git('status', '--porcelain'), git('tag')];
    const { code, err } = release(...args);
    expect([code, err]).toEqual([1, expect.stringMatching(says)]);
    expect([git('rev-parse', 'HEAD'), git('status', '--porcelain'), git('tag')]).toEqual(before);
  });

  it('believes whoever ran .ci/run on the very commit', () => {
    answerOfCi([]);
    env.RELEASE_CI_PASSED = 'a'.repeat(40);
    expect(release('patch').code).toBe(1);
    env.RELEASE_CI_PASSED = git('rev-parse', 'HEAD');
    expect(release('patch').code).toBe(0);
    delete env.RELEASE_CI_PASSED;
    expect(git('tag')).toBe('v0.1.1');
  });
});
