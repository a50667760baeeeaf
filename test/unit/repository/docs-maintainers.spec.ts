import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { firstColumn } from '../../support/markdown.js';

// What is written for the people who carry this on names files, folders and commands that exist.

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const exists = (path: string): boolean =>
  ['', 'src', 'src/nest', 'src/nest/options', 'src/nest/request', 'src/nest/keys', 'src/nest/routes']
    .concat('src/nest/exchange', 'src/nest/platform', 'src/nest/module')
    .some((folder) => existsSync(join(ROOT, folder, path)));
const folders = (path: string): string[] =>
  readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

const decisions = readdirSync(join(ROOT, 'docs/decisions'));
const pages = ['CONTRIBUTING.md', 'docs/architecture.md', ...decisions.map((name) => `docs/decisions/${name}`)];

describe('the documentation for maintainers', () => {
  it.each(pages)('names in %s only files and folders that exist', (page) => {
    const named = [...read(page).matchAll(/`([\w.-]+(?:\/[\w.-]*)*(?:\.m?ts|\.mjs|\.md|\.txt|\/)|test\/[\w/.-]+)`/g)];
    expect(named.map(([, path]) => path!).filter((path) => !exists(path))).toEqual([]);
  });

  it('lists every room of src and of src/nest', () => {
    const architecture = read('docs/architecture.md');
    expect(firstColumn(architecture, 'room').sort()).toEqual(folders('src').sort());
    expect(firstColumn(architecture, 'folder').sort()).toEqual(folders('src/nest').sort());
  });

  it('lists every decision, and each is short and says why, what and what follows', () => {
    const architecture = read('docs/architecture.md');
    expect(decisions.length).toBeGreaterThan(7);
    for (const name of decisions) {
      const record = read(`docs/decisions/${name}`);
      const title = /^# (.*)$/m.exec(record)![1]!;
      expect(architecture).toContain(`[${title}](decisions/${name})`);
      expect([...record.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual([
        'Context',
        'Decision',
        'Consequences',
      ]);
      expect(record.split('\n').length).toBeLessThanOrEqual(41);
    }
  });

  it('has CI run on every Node that is named for development', () => {
    const workflow = read('.github/workflows/ci.yml');
    expect(workflow).toContain('run: .ci/run ${{ matrix.part.phases }}');
    expect(/node: \[(.*)\]/.exec(workflow)![1]!.split(', ')).toEqual(['20', '22', '24']);
    expect(workflow).toContain(read('.nvmrc').trim());
  });

  it('has the machines of CI run every phase together', () => {
    const run = read('.ci/run');
    const listed = (name: string) => new RegExp(`^${name}=\\(\\s*([^)]*?)\\s*\\)`, 'm').exec(run)![1]!.split(/\s+/);
    const all = ['test', ...listed('suites'), ...listed('checks'), 'defences', 'bench'];
    const [everywhere, once] = read('.github/workflows/ci.yml').split('        include:\n');
    expect(once).toContain('part: { phases: test integration coverage }');
    const parts = [...everywhere!.matchAll(/\{ phases: ([^,}]+?)(?:, shard: (\d)\/(\d))? \}/g)].map(
      ([, phases = '', shard = '1', shards = '1']) => ({ phases: phases.split(' '), shard: `${shard}/${shards}` }),
    );
    const lost = all.filter((name) => {
      const [phase] = name.split(/:[\w-]+=/);
      const shards = parts.filter(({ phases }) => phases.includes(phase!)).map(({ shard }) => shard);
      return !shards.includes('1/1') && !(shards.includes('1/2') && shards.includes('2/2'));
    });
    expect([parts.length > 10, lost]).toEqual([true, []]);
  });

  it('publishes only after all of CI, by the one job that may prove who it is', () => {
    const [others, publish] = read('.github/workflows/release.yml').split('  publish:\n');
    expect(read('.github/workflows/ci.yml')).toContain('  workflow_call:\n');
    expect(others).toContain('  ci:\n    uses: ./.github/workflows/ci.yml\n');
    expect(others).toContain('  pack:\n    needs: ci\n');
    expect(others).toContain('git merge-base --is-ancestor HEAD origin/main');
    expect(others).toContain('npm ci --ignore-scripts');
    expect(others).not.toContain('id-token');
    expect(publish).toContain('    needs: pack\n');
    expect(publish).toContain('      id-token: write\n');
    // It runs no code of a dependency, and none of the package.
    expect(publish).not.toMatch(/checkout|npm (ci|install|run|pack)/);
    expect(publish).toContain('npm publish --ignore-scripts ');
  });
});
