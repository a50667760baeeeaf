// Installs the Nest release before into node_modules/.cache/nest11, for `npm run test:nest11`; once.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../node_modules/.cache/nest11/', import.meta.url));

const PLATFORMS = ['express', 'fastify', 'socket.io', 'ws'].map((name) => `platform-${name}`);
const NEST = ['common', 'core', 'microservices', 'swagger', ...PLATFORMS];
const dependencies = {
  ...Object.fromEntries([...NEST, 'testing', 'websockets'].map((name) => [`@nestjs/${name}`, '^11'])),
  '@nestjs/axios': '^4',
  '@nestjs/cache-manager': '^3',
  '@nestjs/config': '^4',
  '@nestjs/passport': '^11',
  axios: '^1',
  'cache-manager': '^7',
  passport: '*',
  // Nest loads these where they are: in this tree they are of the same kind.
  'class-transformer': '*',
  'class-validator': '*',
  'reflect-metadata': '*',
  rxjs: '^7',
};

if (!existsSync(`${folder}node_modules/.package-lock.json`)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}package.json`, JSON.stringify({ private: true, dependencies }));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
  });
}
