import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { useApp } from '../../integration/e2e/support/apps.js';
import { RECIPES } from '../../integration/recipes/support/application.js';
import { recipe } from '../../support/recipe.js';
import { FIXTURE, install, makeFolder, pack, run } from './application.js';

const PACKAGES = ['@angular/common', '@angular/core', '@angular/compiler'].map((name) => `${name}@20`);
const OTHERS = ['rxjs@7', '@tanstack/react-query@5', 'react@19', 'react-test-renderer@19'];

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await install(folder, await pack(folder), ...PACKAGES, ...OTHERS);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const app = useApp('express', RECIPES.express);

it('the recipes for Angular and React Query make sealed calls, with the real packages', async () => {
  writeFileSync(join(folder, 'angular.mjs'), recipe('Angular', app().url));
  writeFileSync(join(folder, 'react-query.mjs'), recipe('React Query', app().url));
  cpSync(join(FIXTURE, 'recipes.mjs'), join(folder, 'recipes.mjs'));
  expect(JSON.parse(await run(folder, process.execPath, 'recipes.mjs'))).toEqual({
    angular: {
      written: { id: 1, title: 'Ada' },
      found: [{ id: 1, title: 'Ada' }],
      refused: { name: 'HttpErrorResponse', status: 400, error: 'no title' },
      elsewhere: { name: 'HttpErrorResponse', status: 0, error: 'request-unsupported' },
      uploaded: { last: 1, id: '1' },
      downloaded: { last: 1, size: 1_000_000, type: 'text/x-ada' },
    },
    reactQuery: {
      written: { id: 2, title: 'Grace' },
      found: [{ id: 2, title: 'Grace' }],
      uploaded: { last: 1, id: '2' },
      downloaded: { size: 1_000_000, type: 'text/x-grace' },
    },
  });
});
