import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { recipe } from '../../support/recipe.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';
import { RECIPES } from './support/application.js';

interface Recipe {
  readonly upload: (file: File, show: (share: number) => void) => Promise<string>;
  readonly download: (id: string, show: (share: number) => void) => Promise<Blob>;
}

// Within the repository, where its packages are found.
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache', import.meta.url));
let folder: string;
beforeAll(() => {
  mkdirSync(CACHE, { recursive: true });
  folder = mkdtempSync(join(CACHE, 'recipes-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

onEachPlatform('The recipe', (platform) => {
  const app = useApp(platform, RECIPES[platform]);
  const load = async (heading: string): Promise<Recipe> => {
    const path = join(folder, `${platform}-${heading}.mjs`);
    writeFileSync(path, recipe(heading, app().url));
    return (await import(pathToFileURL(path).href)) as Recipe;
  };
  const content = CANARY.repeat(Math.ceil(2_500_000 / CANARY.length));

  it.each(['axios', 'ky', 'openapi-fetch'])(
    'for %s uploads and downloads sealed, and shows how far it has come',
    async (heading) => {
      const { upload, download } = await load(heading);
      for (const text of [CANARY, content]) {
        app().tap.clear();
        const shares = { up: [0], down: [0] };
        const file = new File([text], `${CANARY}.txt`, { type: 'text/x-canary' });
        const id = await upload(file, (share) => shares.up.push(share));
        const blob = await download(id, (share) => shares.down.push(share));
        expect({ type: blob.type, isSame: (await blob.text()) === text }).toEqual({
          type: 'text/x-canary',
          isSame: true,
        });
        for (const seen of ['canary', 'form-data', CANARY]) expect(app().tap.text).not.toContain(seen);
        for (const each of Object.values(shares)) {
          expect(each).toEqual([...each].sort((a, b) => a - b));
          expect(each.at(-1)).toBe(1);
        }
        if (text === content) expect(shares.up.length + shares.down.length).toBeGreaterThan(40);
      }
    },
  );
});
