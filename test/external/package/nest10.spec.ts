import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { install, makeFolder, pack, run } from './application.js';

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const nest = ['common', 'core', 'platform-express', 'platform-fastify'].map((name) => `@nestjs/${name}@10`);
  // By force, against the package's peer dependencies.
  await install(folder, '--force', ...nest, 'reflect-metadata', 'rxjs', await pack(folder));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const APPLICATION = `
class NoteController { list() { return { notes: [] }; } }
const descriptor = Object.getOwnPropertyDescriptor(NoteController.prototype, 'list');
Reflect.decorate([Get(), Encrypted()], NoteController.prototype, 'list', descriptor);
Controller('notes')(NoteController);
class AppModule {}
Module({ imports: [E2eModule.forRoot()], controllers: [NoteController] })(AppModule);
const adapter = new (process.argv[2] === 'express' ? ExpressAdapter : FastifyAdapter)();
NestFactory.create(AppModule, adapter, { logger: false, abortOnError: false })
  .then((app) => app.init())
  .then(() => console.log('started'), (error) => console.log(error.message));
`;
const IMPORTS = [
  ['Controller, Get, Module', '@nestjs/common'],
  ['NestFactory', '@nestjs/core'],
  ['ExpressAdapter', '@nestjs/platform-express'],
  ['FastifyAdapter', '@nestjs/platform-fastify'],
  ['E2eModule, Encrypted', 'nestjs-e2e-encryption'],
];

it.each([
  ['mjs', 'express', IMPORTS.map(([names, from]) => `import { ${names} } from '${from}';`)],
  ['cjs', 'express', IMPORTS.map(([names, from]) => `const { ${names} } = require('${from}');`)],
  ['cjs', 'fastify', IMPORTS.map(([names, from]) => `const { ${names} } = require('${from}');`)],
])('an application on Nest 10 does not start, and says why (%s, %s)', async (type, platform, imports) => {
  writeFileSync(join(folder, `main.${type}`), [...imports, APPLICATION].join('\n'));
  expect(await run(folder, process.execPath, `main.${type}`, platform)).toMatch(
    /^E2eModule: this application runs on Nest 10 or an older version, but the module supports Nest 11 and Nest 12\./,
  );
});
