import { expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { isClientFile } from '../../../src/swagger/client-files.js';

const SRC = new URL('../../../src/', import.meta.url);

/** A module and all that it loads, by their paths in the built package; types are not loaded. */
function closure(path: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(new URL(path.replace(/\.js$/, '.ts'), SRC), 'utf8');
  const loads = /^(?:import|export)(?! type\b)[^;]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm;
  for (const [, fixed, dynamic] of text.matchAll(loads)) closure(join(path, '..', (fixed ?? dynamic)!), found);
  return found;
}

it('an application serves every file that the plug-in of Swagger UI loads', () => {
  const files = [...closure('swagger-ui/plugin.js')];
  expect(files.filter((path) => !isClientFile(path))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(['client/client.js', 'client/call/seal.js', 'crypto/forge.js']));
});

it.each([
  'nest/keys/key.service.js',
  'client/../package.js',
  'client/none.ts',
  'client/a/b/c.js',
  'client/client.js.map',
  'client.js',
])('no application serves %s for it', (path) => {
  expect(isClientFile(path)).toBe(false);
});
