// Installs the frameworks and generators that docs/recipes.md names into dist/stacks, once, with the package as it was
// built, for `npm run test:stacks`. They are not devDependencies, because they are large. Next.js and Nuxt do not build an
// application inside node_modules, so the folder is not in there.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}dist/stacks/`;
const NAME = 'nestjs-e2e-encryption';

// The latest versions that run on Node 20.
const versions = {
  '@hey-api/openapi-ts': '0.95.0',
  '@nestia/core': '11.3.4',
  '@nestia/fetcher': '11.3.4',
  '@nestia/sdk': '11.3.4',
  '@nestjs/common': '12.5.1',
  '@nestjs/core': '12.5.1',
  '@types/node': '20.19.43',
  '@types/react': '19.3.0',
  next: '16.4.6',
  nuxt: '4.4.2',
  orval: '7.13.2',
  react: '19.2.1',
  'react-dom': '19.2.1',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
  'ts-patch': '3.3.0',
  typescript: '5.9.3',
  typia: '12.1.0',
  vue: '3.5.45', // the one that Nuxt wants, so that there is one
};
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const content = JSON.stringify({ private: true, dependencies: { ...versions, ...manifest.dependencies } });

const isInstalled =
  existsSync(`${folder}node_modules/.package-lock.json`) && readFileSync(`${folder}package.json`, 'utf8') === content;
if (!isInstalled) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}package.json`, content);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
  });
  // nestia's generator reads types with a plugin of the compiler.
  execFileSync('npx', ['ts-patch', 'install', '--silent'], { cwd: folder, stdio: 'inherit' });
}

const copy = `${folder}node_modules/${NAME}/`;
rmSync(copy, { recursive: true, force: true });
for (const path of ['package.json', 'dist/esm', 'dist/cjs']) cpSync(root + path, copy + path, { recursive: true });
