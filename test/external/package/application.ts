import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../support/free-port.js';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const FIXTURE = fileURLToPath(new URL('fixture/', import.meta.url));
const NAME = 'nestjs-e2e-encryption';

/** What an application is built on. */
export interface Stack {
  readonly nest: 11 | 12;
  readonly modules: 'CommonJS' | 'ES';
  readonly platform: 'express' | 'fastify';
}

/** What the run needs of what `nest new` lists; linters and formatters take longest to install. */
const KEPT_DEV_DEPENDENCIES =
  /^(@nestjs\/(cli|schematics|testing)|@types\/.*|jest|ts-jest|ts-node|vitest|vite-.*|supertest|typescript)$/;

/** The packages that entries need beside this one, which not every application has. */
const OPTIONAL: Readonly<Record<string, string>> = {
  axios: 'axios',
  fields: 'class-transformer',
  'nest-axios': '@nestjs/axios',
  swagger: '@nestjs/swagger',
  terminus: '@nestjs/terminus',
  'socket.io': '@nestjs/platform-socket.io',
  'socket.io-client': 'socket.io-client',
  ws: '@nestjs/platform-ws',
};

/** A new folder, in memory where there is plenty: an application is 20,000 files, and a slow disk takes minutes for them. */
export function makeFolder(): string {
  const memory = '/dev/shm';
  const inMemory = existsSync(memory) && statfsSync(memory).bavail * statfsSync(memory).bsize > 6 * 2 ** 30;
  return mkdtempSync(join(inMemory ? memory : tmpdir(), 'package-'));
}

/** Runs a program to its end; its output, or an error that shows it. */
export async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { cwd, env: environment(), maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** This run's environment, without its own settings for jest, Nest and npm. */
export function environment(): NodeJS.ProcessEnv {
  const own = /^(NODE_OPTIONS|NODE_ENV|SUITE|JEST_\w+|INIT_CWD|npm_(config_local_prefix|lifecycle_\w+|package_\w+))$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

/** Packs what was built, as npm would publish it; the tarball's path. */
export async function pack(folder: string): Promise<string> {
  const output = await run(ROOT, 'npm', 'pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder);
  return join(folder, output.trimEnd().split('\n').pop()!);
}

/** The modules of the package that an application on `stack` has everything for: `nestjs-e2e-encryption/client`, … */
export function entriesFor({ platform }: Stack): string[] {
  const { exports } = readManifest(ROOT) as unknown as { exports: object };
  return Object.entries(exports)
    .filter(([, target]) => typeof target !== 'string' || !target.endsWith('.json'))
    .map(([path]) => path.slice(2))
    .filter((entry) => platform === 'express' || !(entry in OPTIONAL))
    .map((entry) => (entry === '' ? NAME : `${NAME}/${entry}`));
}

/** An application as `nest new` makes it, with the packed package, and one sealed controller beside its own. */
export async function makeApplication(app: string, stack: Stack, tarball: string): Promise<void> {
  await nestNew(app, stack);
  changeManifest(app, stack, tarball);

  const { platform } = stack;
  copy(stack, 'app.module.ts', join(app, 'src/app.module.ts'));
  copy(stack, 'notes.controller.ts', join(app, 'src/notes.controller.ts'));
  copy(stack, 'notes.e2e-spec.ts', join(app, 'test/notes.e2e-spec.ts'));
  copy(stack, `${platform}/platform.ts`, join(app, 'test/platform.ts'));
  for (const file of ['check.cjs', 'kit.test.cjs', 'tsconfig.node10.json']) {
    cpSync(join(FIXTURE, file), join(app, file));
  }
  if (platform === 'fastify') {
    copy(stack, 'fastify/main.ts', join(app, 'src/main.ts'));
    rmSync(join(app, 'test/app.e2e-spec.ts')); // It takes the platform for Express.
  }
  await install(app);
}

/** An application as `nest new` makes it, with the packed package and nothing else of it. */
export async function makeBareApplication(app: string, stack: Stack, tarball: string): Promise<void> {
  await nestNew(app, stack);
  changeManifest(app, stack, tarball);
  const manifest = readManifest(app);
  for (const name of ['@fastify/cookie', '@fastify/session', 'axios', 'ws']) delete manifest.dependencies[name];
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest, undefined, 2));
  if (stack.platform === 'fastify') copy(stack, 'fastify/main.ts', join(app, 'src/main.ts'));
  await install(app);
}

async function nestNew(app: string, { nest, modules }: Stack): Promise<void> {
  const npx = ['npx', '--yes', `--package=@nestjs/cli@${nest}`] as const;
  if (nest === 12 && modules === 'CommonJS') {
    // `nest new` asks on a terminal which module system to take. Its schematic takes the answer from here.
    const schematic = ['schematics', '@nestjs/schematics:application', `--name=${basename(app)}`, '--type=cjs'];
    await run(dirname(app), ...npx, ...schematic);
  } else {
    await run(dirname(app), ...npx, 'nest', 'new', basename(app), '--skip-install', '--skip-git', '-p', 'npm');
  }
}

type Manifest = Record<'scripts' | 'dependencies' | 'devDependencies', Record<string, string>>;

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

function changeManifest(app: string, { nest, modules, platform }: Stack, tarball: string): void {
  const { scripts, dependencies, devDependencies, ...rest } = readManifest(app);
  const kept = Object.entries(devDependencies).filter(([name]) => KEPT_DEV_DEPENDENCIES.test(name));
  dependencies[NAME] = `file:${tarball}`;
  if (platform === 'express') {
    Object.assign(dependencies, { axios: '^1.12.0', 'socket.io-client': '^4.8.0', ws: '^8.18.0' });
    dependencies['class-transformer'] = '^0.5.1';
    dependencies['@nestjs/axios'] = nest === 11 ? '^4.0.0' : '^12.0.0';
    const more = ['swagger', 'terminus', 'websockets', 'platform-socket.io', 'platform-ws'];
    for (const name of more) dependencies[`@nestjs/${name}`] = `^${nest}.0.0`;
  } else {
    dependencies['@nestjs/platform-fastify'] = dependencies['@nestjs/platform-express']!;
    delete dependencies['@nestjs/platform-express'];
    Object.assign(dependencies, { '@fastify/cookie': '^11.0.0', '@fastify/session': '^11.0.0' });
    // As docs/testing.md says: `@fastify/cookie` loads an ES module, which jest does with this flag alone.
    if (modules === 'CommonJS') {
      const jest = 'node --experimental-vm-modules node_modules/jest/bin/jest.js';
      scripts['test:e2e'] = scripts['test:e2e']!.replace(/^jest/, jest);
    }
  }
  const manifest = { ...rest, scripts, dependencies, devDependencies: Object.fromEntries(kept) };
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest, undefined, 2));
}

/** A CommonJS application names its files without `.js`, and its jest would not find them with it. */
function copy({ modules }: Stack, from: string, to: string): void {
  const text = readFileSync(join(FIXTURE, from), 'utf8');
  writeFileSync(to, modules === 'ES' ? text : text.replace(/(from '\.[^']*)\.js'/g, "$1'"));
}

export async function install(app: string, ...packages: string[]): Promise<void> {
  await run(app, 'npm', 'install', ...packages, '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error');
}

/** Starts the built application on a free port, hands its URL over, and ends it. */
export async function whileRunning<T>(app: string, use: (url: string) => Promise<T>): Promise<T> {
  const port = await freePort();
  const server = spawn(process.execPath, ['dist/main'], { cwd: app, env: { ...environment(), PORT: String(port) } });
  let output = '';
  server.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  server.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    const url = `http://localhost:${port}`;
    await listens(url, server, () => output);
    return await use(url);
  } finally {
    server.kill();
  }
}

/** Far more than an application takes to be compiled and to start, on a machine of any speed. */
const MAX_START_MS = 300_000;

/** Waits until something answers at `url`. @throws Error with the server's output, where it ends or takes too long */
export async function listens(url: string, server: ChildProcess, output: () => string): Promise<void> {
  const end = Date.now() + MAX_START_MS;
  while (!(await answers(url))) {
    if (server.exitCode !== null || Date.now() > end) throw new Error(`the application does not listen:\n${output()}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}
