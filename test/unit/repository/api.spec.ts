import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { surface } from '../../support/surface.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LISTING = `${ROOT}api/surface.txt`;
const INTRODUCTION = `What the package exports, written by \`npm run api\`. A change here is a change for whoever uses it: see that it is
meant, and that CHANGELOG.md tells of it.
`;

it('the public API is what api/surface.txt lists; where a change is meant, `npm run api` lists it anew', () => {
  const listing = `${INTRODUCTION}\n${surface(ROOT)}\n`;
  if (process.env.UPDATE_API) writeFileSync(LISTING, listing);
  expect(listing).toContain('class E2eModule');
  expect(listing.split('\n')).toEqual(readFileSync(LISTING, 'utf8').split('\n'));
});
