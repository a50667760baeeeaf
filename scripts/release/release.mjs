// `npm run release -- minor`: gives the section "Unreleased" of CHANGELOG.md a version and a date, sets the version of the
// package, commits and tags. It pushes nothing. The workflow `release.yml` publishes what is tagged, with provenance.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { nextVersion, releaseChangelog } from './changelog.mjs';

const USAGE = 'Usage: npm run release -- patch|minor|major|X.Y.Z [--dry-run]';

/** @returns {never} */
function stop(why) {
  console.error(`release: ${why}`);
  process.exit(1);
}

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** What CI says of this commit: by GitHub's command line, or by the variable of whoever ran `.ci/run` here. */
function stateOfCi(commit) {
  if (process.env.RELEASE_CI_PASSED === commit) return 'passed';
  try {
    const asked = ['run', 'list', '--workflow', 'ci.yml', '--commit', commit, '--limit', '1', '--json', 'conclusion'];
    const [run] = JSON.parse(execFileSync('gh', asked, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    if (!run) return 'missing';
    return run.conclusion === 'success' ? 'passed' : run.conclusion || 'still running';
  } catch {
    return 'unknown';
  }
}

function readArguments() {
  try {
    return parseArgs({ options: { 'dry-run': { type: 'boolean', default: false } }, allowPositionals: true });
  } catch (error) {
    return stop(`${error.message}\n${USAGE}`);
  }
}

const { values, positionals } = readArguments();
if (positionals.length !== 1) stop(USAGE);
const root = git('rev-parse', '--show-toplevel');
process.chdir(root);

const branch = git('branch', '--show-current');
if (branch !== 'main') stop(`releases are made on main; this is ${branch || 'no branch'}. Run: git switch main`);
const dirty = git('status', '--porcelain');
if (dirty) stop(`the working tree has changes. Commit or remove them:\n${dirty}`);

const { version: current } = JSON.parse(readFileSync('package.json', 'utf8'));
const version =
  nextVersion(current, positionals[0]) ?? stop(`${positionals[0]} is no version above ${current}. ${USAGE}`);
const tag = `v${version}`;
if (git('tag', '--list', tag)) stop(`the tag ${tag} exists. Choose another version.`);

const date = new Date().toISOString().slice(0, 10);
const changelog = releaseChangelog(readFileSync('CHANGELOG.md', 'utf8'), version, date);
if (!changelog) stop('the section "## [Unreleased]" of CHANGELOG.md is missing or empty. Say there what has changed.');

const commit = git('rev-parse', 'HEAD');
const ci = stateOfCi(commit);
if (ci !== 'passed') {
  stop(
    `CI for ${commit.slice(0, 12)} is ${ci}. Push main, wait until CI passes, and run this again. Without GitHub's command ` +
      `line ("gh"): run .ci/run, and if it passes, RELEASE_CI_PASSED=${commit} npm run release -- ${positionals[0]}`,
  );
}

if (values['dry-run']) {
  console.log(`Would release ${tag}, from ${current}, with this section:\n\n${changelog.section.trimEnd()}`);
} else {
  writeFileSync('CHANGELOG.md', changelog.text);
  // It sets the version in package.json and package-lock.json.
  execFileSync('npm', ['version', version, '--no-git-tag-version', '--ignore-scripts'], { stdio: 'ignore' });
  git('add', 'CHANGELOG.md', 'package.json', 'package-lock.json');
  git('commit', '--quiet', '--message', `chore: release ${version}`);
  git('tag', '--annotate', tag, '--message', tag);
  console.log(
    `Committed and tagged ${tag}. Push both: git push origin main ${tag}\n` +
      'The workflow "Release" then runs CI again and publishes the package with provenance. Before you push, undo with: ' +
      `git tag -d ${tag} && git reset --hard HEAD~1`,
  );
}
