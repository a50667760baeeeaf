// Stops `npm publish` while package.json names no repository. npm derives `homepage` and `bugs` from it, and checks the
// provenance of the package against it.
import { readFileSync } from 'node:fs';

const { repository } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
if (repository.url.includes('OWNER')) {
  console.error('package.json: "repository" is a placeholder. Replace OWNER by the owner of the repository.');
  process.exit(1);
}
