import { fileURLToPath } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import ts from 'typescript';
import { add } from '../../../src/schematics/add/add.js';

// Jest on Node 20 cannot require these ES modules. The runner loads them, for what is not used here.
jest.mock('magic-string', () => ({}));
jest.mock('ora', () => ({}));
const { HostTree } = await import('@angular-devkit/schematics');
const { SchematicTestRunner } = await import('@angular-devkit/schematics/testing');

const COLLECTION = fileURLToPath(new URL('../../../src/schematics/collection.json', import.meta.url));

const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';
async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`;

const FASTIFY_MAIN = MAIN.replace(
  "import { AppModule } from './app.module';",
  "import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';\nimport { AppModule } from './app.module';",
).replace('create(AppModule)', 'create<NestFastifyApplication>(AppModule, new FastifyAdapter())');

const moduleWith = (metadata: string, name = 'AppModule') => `import { Module } from '@nestjs/common';
import { AppController } from './app.controller';

@Module(${metadata})
export class ${name} {}
`;

type Files = Record<string, string>;

function application(files: Files): Files {
  return { 'package.json': '{ "dependencies": {} }', 'src/main.ts': MAIN, ...files };
}

/** Runs the schematic once on these files. */
async function run(files: Files): Promise<{ files: Files; said: string; tasks: unknown[] }> {
  const runner = new SchematicTestRunner('nestjs-e2e-encryption', COLLECTION);
  let said = '';
  const logger = runner.logger.createChild('add');
  logger.subscribe(({ message }) => (said += message));
  const tree = new HostTree();
  for (const [path, text] of Object.entries(files)) tree.create(path, text);
  const tasks: unknown[] = [];
  const context = { logger, addTask: (task: { toConfiguration(): unknown }) => tasks.push(task.toConfiguration()) };
  const rule = add({ sourceRoot: 'src' });
  await lastValueFrom(runner.callRule((host) => rule(host, context), tree));
  const after: Files = {};
  tree.visit((path) => (after[path.slice(1)] = tree.readText(path)));
  return { files: after, said, tasks };
}

/** The elements of `imports` in the decorator of the only class, and what is imported; the text parses. */
function parseModule(text: string): { imports: string[]; from: Record<string, string> } {
  const { diagnostics } = ts.transpileModule(text, { reportDiagnostics: true });
  expect(diagnostics).toEqual([]);
  const source = ts.createSourceFile('module.ts', text, ts.ScriptTarget.Latest, true);
  const from: Record<string, string> = {};
  let imports: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportSpecifier(node)) {
      from[node.name.text] = node.parent.parent.parent.moduleSpecifier.getText().slice(1, -1);
    }
    if (
      ts.isPropertyAssignment(node) &&
      node.name.getText() === 'imports' &&
      ts.isArrayLiteralExpression(node.initializer)
    ) {
      imports = node.initializer.elements.map((element) => element.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { imports, from };
}

const OURS = 'E2eModule.forRoot(e2eOptions)';

describe('nest add', () => {
  it.each([
    ['an empty list of imports', '{\n  imports: [],\n  controllers: [AppController],\n}', [OURS]],
    ['an empty list on two lines', '{ imports: [\n  ] }', [OURS]],
    ['one import', '{ imports: [A] }', ['A', OURS]],
    [
      'a comma at the end',
      '{\n  imports: [\n    A,\n    B.forRoot({ a: [1, 2] }),\n  ],\n}',
      ['A', 'B.forRoot({ a: [1, 2] })', OURS],
    ],
    ['a comment behind the last', '{\n  imports: [\n    A, // the first\n  ],\n}', ['A', OURS]],
    ['a list that is spread into it', '{ imports: [...shared, A] }', ['...shared', 'A', OURS]],
    ['a quoted name', '{ "imports": [A] }', ['A', OURS]],
    ['no imports', '{\n  controllers: [AppController],\n}', [OURS]],
    ['nothing at all', '{}', [OURS]],
  ])('adds the module to %s', async (_what, metadata, imports) => {
    const { files } = await run(application({ 'src/app.module.ts': moduleWith(metadata) }));
    const text = files['src/app.module.ts']!;
    const parsed = parseModule(text.replace('"imports"', 'imports'));
    expect(parsed.imports).toEqual(imports);
    expect(parsed.from).toMatchObject({ E2eModule: 'nestjs-e2e-encryption', e2eOptions: './e2e.options' });
    expect(files['src/e2e.options.ts']).toContain('process.env.E2E_SECRET');
  });

  it('keeps everything else of the file, its line breaks and its quotes', async () => {
    const before = moduleWith('{\n  imports: [A],\n}').replaceAll("'", '"').replaceAll('\n', '\r\n');
    const { files } = await run(application({ 'src/app.module.ts': before }));
    const after = files['src/app.module.ts']!;
    const added = [
      'import { E2eModule } from "nestjs-e2e-encryption";\r\n',
      'import { e2eOptions } from "./e2e.options";\r\n',
      `, ${OURS}`,
    ];
    expect(added.reduce((text, part) => text.replace(part, ''), after)).toBe(before);
  });

  it.each([
    ['names its files with .js', {}, moduleWith('{}').replace("./app.controller'", "./app.controller.js'")],
    [
      'is of ES modules',
      { 'package.json': '{ "type": "module" }' },
      moduleWith('{}').replace(/import .*controller.*\n/, ''),
    ],
  ])('imports the options with .js in an application that %s', async (_what, more, text) => {
    const { files } = await run(application({ ...more, 'src/app.module.ts': text }));
    expect(parseModule(files['src/app.module.ts']!).from).toMatchObject({ e2eOptions: './e2e.options.js' });
  });

  it('finds a root module by what main.ts starts, whatever its name and folder', async () => {
    const main = MAIN.replaceAll('AppModule', 'Shop').replace('./app.module', './shop/shop.js');
    const { files } = await run(application({ 'src/main.ts': main, 'src/shop/shop.ts': moduleWith('{}', 'Shop') }));
    expect(parseModule(files['src/shop/shop.ts']!)).toMatchObject({
      imports: [OURS],
      from: { e2eOptions: '../e2e.options' },
    });
  });

  it('takes a root module that is in main.ts itself', async () => {
    const main = `${MAIN.replace("import { AppModule } from './app.module';\n", '')}\n@Module({})\nclass AppModule {}\n`;
    const { files } = await run(application({ 'src/main.ts': main }));
    expect(parseModule(files['src/main.ts']!).imports).toEqual([OURS]);
  });

  it.each([
    ['imports from a variable', moduleWith('{ imports: everything }'), 'are not an array literal'],
    ['imports by shorthand', moduleWith('{ imports }'), 'are not an array literal'],
    ['imports that a function makes', moduleWith('{ imports: [A].concat(B) }'), 'are not an array literal'],
    ['an object that is spread', moduleWith('{ ...base }'), 'the object that @Module() spreads'],
    ['metadata from a variable', moduleWith('metadata'), 'gets no object literal'],
    ['no decorator', 'export class AppModule {}', 'has no decorator @Module()'],
    ['another class', moduleWith('{}', 'OtherModule'), 'does not declare the class AppModule'],
  ])('changes nothing at a root module with %s, and says what to add', async (_what, text, why) => {
    const error = (await run(application({ 'src/app.module.ts': text })).catch((failed: unknown) => failed)) as Error;
    expect(error.message).toContain(why);
    expect(error.message).toContain('E2eModule.forRoot({');
    expect(error.message).toContain('SESSION_SECRET');
    expect(error.stack).toBeUndefined();
  });

  it.each([
    ['no main.ts', { 'src/main.ts': undefined }, 'there is no src/main.ts'],
    ['a main.ts that creates nothing', { 'src/main.ts': 'start();' }, 'does not pass a class'],
    [
      'a root module of a package',
      { 'src/main.ts': MAIN.replace('./app.module', '@our/app') },
      '"@our/app", which is not a file',
    ],
  ])('changes nothing with %s', async (_what, more, why) => {
    const files = Object.entries(application({ ...(more as Files), 'src/app.module.ts': moduleWith('{}') }));
    const given = Object.fromEntries(files.filter(([, text]) => (text as string | undefined) !== undefined));
    await expect(run(given)).rejects.toThrow(why);
  });

  it('changes nothing when it is run again, and says again what comes next', async () => {
    const once = await run(application({ 'src/app.module.ts': moduleWith('{}') }));
    const twice = await run(once.files);
    expect(twice.files).toEqual(once.files);
    expect(twice.said).toBe(once.said);
    expect(once.said).toContain('npm start\n  npx nestjs-e2e-encryption get :3000/');
  });

  it('names the package manager that the application uses', async () => {
    const { said } = await run(application({ 'pnpm-lock.yaml': '', 'src/app.module.ts': moduleWith('{}') }));
    expect(said).toContain('pnpm start\n  pnpm exec nestjs-e2e-encryption');
  });
});

describe('the secrets', () => {
  const secretsOf = (env: string) =>
    [...env.matchAll(/^(?:export )?(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  const addTo = async (files: Files) => {
    const { files: after } = await run(application({ 'src/app.module.ts': moduleWith('{}'), ...files }));
    return { env: after['.env']!, ignored: after['.gitignore']! };
  };

  it('are random, two, and other ones for each application', async () => {
    const [one, two] = [secretsOf((await addTo({})).env), secretsOf((await addTo({})).env)];
    expect(one.map(([name]) => name)).toEqual(['E2E_SECRET', 'SESSION_SECRET']);
    const values = [...one, ...two].map(([, value]) => value!);
    expect(new Set(values).size).toBe(4);
    for (const value of values) expect(value).toMatch(/^[\w-]{43}$/);
  });

  it.each([
    ['one that is there', 'A=1\nE2E_SECRET=kept', { A: '1', E2E_SECRET: 'kept' }],
    ['an exported one', 'export SESSION_SECRET="kept"\n', { SESSION_SECRET: '"kept"' }],
  ])('keep %s', async (_what, env, kept) => {
    const secrets = Object.fromEntries(secretsOf((await addTo({ '.env': env })).env)) as Files;
    expect(secrets).toMatchObject(kept);
    expect(Object.keys(secrets)).toEqual(expect.arrayContaining(['E2E_SECRET', 'SESSION_SECRET']));
  });

  it.each(['E2E_SECRET=', 'E2E_SECRET=""', 'E2E_SECRET= # later', "E2E_SECRET=''\nA=1"])(
    'fill in one without a value: %s',
    async (env) => {
      const secrets = secretsOf((await addTo({ '.env': env })).env).filter(([name]) => name === 'E2E_SECRET');
      expect(secrets).toEqual([['E2E_SECRET', expect.stringMatching(/^[\w-]{43}$/)]]);
    },
  );

  it.each([
    ['no file', undefined, '.env\n'],
    ['other lines', 'node_modules', 'node_modules\n.env\n'],
    ['the line', '.env\n', '.env\n'],
    ['the line with a slash', '/.env', '/.env'],
    ['a wider pattern', '.env*\n', '.env*\n'],
    ['the line, taken back', '.env\n!.env\n', '.env\n!.env\n.env\n'],
    ['another file', '.env.local\n', '.env.local\n.env\n'],
  ])('are ignored by git, with %s in .gitignore', async (_what, before, after) => {
    expect((await addTo(before === undefined ? {} : { '.gitignore': before })).ignored).toBe(after);
  });
});

describe('on Fastify', () => {
  it('adds and installs what the session needs', async () => {
    const files = application({ 'src/main.ts': FASTIFY_MAIN, 'src/app.module.ts': moduleWith('{}') });
    const { files: after, tasks } = await run(files);
    expect(JSON.parse(after['package.json']!)).toEqual({
      dependencies: { '@fastify/cookie': '^11.0.0', '@fastify/session': '^11.0.0' },
    });
    expect(tasks).toEqual([{ name: 'node-package', options: { command: 'install', packageManager: 'npm' } }]);
    expect((await run(after)).tasks).toEqual([]);
  });

  it('leaves versions that are there', async () => {
    const manifest = '{ "dependencies": { "@fastify/cookie": "11.1.0", "@fastify/session": "11.1.1" } }';
    const files = { 'package.json': manifest, 'src/main.ts': FASTIFY_MAIN, 'src/app.module.ts': moduleWith('{}') };
    const { files: after, tasks } = await run(files);
    expect([after['package.json'], tasks]).toEqual([manifest, []]);
  });

  it('says how to keep the secrets, which a schematic cannot do itself', async () => {
    const { said } = await run(application({ 'src/app.module.ts': moduleWith('{}') }));
    expect(said).toContain('chmod 600 .env');
    expect(said).toContain('git ls-files .env');
  });
});
