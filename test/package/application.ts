import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURE = fileURLToPath(new URL('fixture/', import.meta.url));

/** What the run needs of what `nest new` lists; linters and formatters take longest to install. */
const KEPT_DEV_DEPENDENCIES = /^(@nestjs\/(cli|schematics|testing)|@types\/|jest$|ts-jest$|vitest$|vite-|typescript$)/;

/** Runs a program to its end; its output, or an error that shows it. */
export async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  try {
    // Without this run's own settings for jest and Nest.
    const env = { ...process.env, NODE_OPTIONS: '', NODE_ENV: '' };
    const { stdout } = await promisify(execFile)(program, args, { cwd, env, maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Packs the package as npm would publish it; the tarball's path. */
export async function pack(folder: string): Promise<string> {
  const output = await run(ROOT, 'npm', 'pack', '--loglevel=error', '--pack-destination', folder);
  return join(folder, output.trimEnd().split('\n').pop()!);
}

/** An application as `nest new` of that version makes it, with one sealed controller and the packed package. */
export async function makeApplication(app: string, version: number, tarball: string): Promise<void> {
  const nestNew = ['nest', 'new', basename(app), '--skip-install', '--skip-git', '--package-manager=npm'];
  await run(dirname(app), 'npx', '--yes', `--package=@nestjs/cli@${version}`, ...nestNew);

  const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const kept = Object.entries(manifest.devDependencies!).filter(([dependency]) =>
    KEPT_DEV_DEPENDENCIES.test(dependency),
  );
  manifest.devDependencies = Object.fromEntries(kept);
  manifest.dependencies!['nestjs-e2e-encryption'] = `file:${tarball}`;
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest, undefined, 2));

  for (const generated of ['controller', 'service', 'controller.spec']) rmSync(join(app, `src/app.${generated}.ts`));
  mkdirSync(join(app, 'test'), { recursive: true });
  cpSync(join(FIXTURE, 'app.module.ts'), join(app, 'src/app.module.ts'));
  cpSync(join(FIXTURE, 'tsconfig.node10.json'), join(app, 'tsconfig.node10.json'));
  cpSync(join(FIXTURE, 'check.cjs'), join(app, 'check.cjs'));
  // A CommonJS application names its files without `.js`, and its jest would not find them with it.
  const test = readFileSync(join(FIXTURE, 'app.e2e-spec.ts'), 'utf8');
  writeFileSync(join(app, 'test/app.e2e-spec.ts'), version === 11 ? test.replace('app.module.js', 'app.module') : test);

  await run(app, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error');
}

/** Starts the built application on a free port, hands its URL over, and ends it. */
export async function whileRunning<T>(app: string, use: (url: string) => Promise<T>): Promise<T> {
  const port = await freePort();
  const server = spawn(process.execPath, ['dist/main'], { cwd: app, env: { ...process.env, PORT: String(port) } });
  let output = '';
  server.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  server.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    const url = `http://localhost:${port}`;
    for (const end = Date.now() + 20_000; !(await answers(url)); await new Promise((done) => setTimeout(done, 100))) {
      if (server.exitCode !== null || Date.now() > end) throw new Error(`the application does not listen:\n${output}`);
    }
    return await use(url);
  } finally {
    server.kill();
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
