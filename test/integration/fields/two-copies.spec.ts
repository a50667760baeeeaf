import { expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ENTRY = `
import 'reflect-metadata';
import { EncryptedField } from ${JSON.stringify(resolve('src/fields/index.ts'))};
class Card {}
try {
  EncryptedField()(Card.prototype, 'number');
  console.log('accepted');
} catch (error) {
  console.log(error.message);
}`;

/** What is said where a bundle has class-transformer as these fields of its package.json name it. */
async function bundled(mainFields: string[]): Promise<string> {
  // Inside the repository, from where it finds Nest.
  const folder = await mkdtemp(resolve('node_modules/.cache-two-copies-'));
  try {
    await writeFile(join(folder, 'entry.mjs'), ENTRY);
    await build({
      entryPoints: [join(folder, 'entry.mjs')],
      outfile: join(folder, 'bundle.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      mainFields,
      external: ['@nestjs/*', 'reflect-metadata', 'rxjs'],
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
      logLevel: 'silent',
    });
    return (await promisify(execFile)(process.execPath, [join(folder, 'bundle.mjs')])).stdout.trim();
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('refuses to mark a field in a copy of class-transformer that nobody reads', async () => {
  expect(await bundled(['module', 'main'])).toContain('two copies of class-transformer');
  expect(await bundled(['main'])).toBe('accepted');
});
