import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { build } from 'esbuild';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { TestApp } from '../../integration/e2e/support/apps.js';
import { liveGateway } from '../../integration/sockets/support/gateway.js';
import { FIXTURE, install, makeFolder, pack, run } from './application.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Post()
  create(@Body() note: object): object {
    return { created: note };
  }
  @Get()
  find(@Query('search') search: string): object {
    return { found: search };
  }
}

/** The runtimes, whose programs are in optional dependencies, one for each platform; and what a bundle of the client has. */
const NODE_24 = `node-${process.platform}-${process.arch}`;
const PACKAGES = ['bun@1', 'deno@2', 'miniflare@4', `${NODE_24}@24`, 'node-forge@1', '@noble/post-quantum@0.7'];
const EXPECTED = [201, { created: { text: 'canary' } }, { found: 'canary' }, 404];

let folder: string;
let app: TestApp;

beforeAll(async () => {
  folder = makeFolder();
  const tarball = await pack(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // Their scripts after the install only put these programs into other places.
  await install(folder, ...PACKAGES, '--ignore-scripts');
  await run(folder, 'tar', '-xzf', tarball);
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  cpSync(join(folder, 'package'), join(folder, 'node_modules/nestjs-e2e-encryption'), { recursive: true });
  cpSync(join(FIXTURE, 'runtimes'), folder, { recursive: true });
  await build({
    entryPoints: [fileURLToPath(new URL('../../support/socket-scripts.ts', import.meta.url))],
    outfile: join(folder, 'socket-scripts.mjs'),
    format: 'esm',
  });
  app = await TestApp.start('express', {
    controllers: [NoteController],
    providers: [liveGateway('/live', Encrypted()), liveGateway('/plain')],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
    e2e: { keyPool: { size: 2 } },
  });
});

afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A program of the one package of this scope that was installed: that of this platform. */
function program(scope: string, ...path: string[]): string {
  const [name = ''] = readdirSync(join(folder, 'node_modules', scope));
  return join(folder, 'node_modules', scope, name, ...path);
}

/** Node 24, whose WebCrypto and node:crypto have ML-KEM-768. */
const node24 = (): string => join(folder, 'node_modules', NODE_24, 'bin/node');

const bun = (): string => program('@oven', 'bin', 'bun');
const deno = (): string => program('@deno', 'deno');
const DENO_FLAGS = ['run', '--allow-all', '--node-modules-dir=manual'];

const RUNTIMES: Readonly<Record<string, () => Promise<string>>> = {
  Node: () => run(folder, process.execPath, 'main.mjs', app.url),
  'Node 24': () => run(folder, node24(), 'main.mjs', app.url),
  Bun: () => run(folder, bun(), 'run', 'main.mjs', app.url),
  Deno: () => run(folder, deno(), ...DENO_FLAGS, 'main.mjs', app.url),
  'workerd, bundled with its clients at module scope': async () => {
    await build({
      absWorkingDir: folder,
      entryPoints: ['worker.mjs'],
      outfile: join(folder, 'bundled.mjs'),
      bundle: true,
      format: 'esm',
      conditions: ['workerd', 'worker', 'browser'],
      define: { BASE_URL: JSON.stringify(app.url) },
    });
    return run(folder, process.execPath, 'workerd.mjs', 'bundled.mjs');
  },
};

describe('the client', () => {
  it.each(Object.entries(RUNTIMES))('makes sealed calls with each kind of key on %s', async (_, makeCalls) => {
    app.tap.clear();
    const seen = JSON.parse(await makeCalls()) as Record<string, unknown>;
    expect(seen).toEqual({ RSA: EXPECTED, 'P-256': EXPECTED, X25519: EXPECTED, 'MLKEM768-X25519': EXPECTED });
    expect(app.tap.text).toContain('application/jose');
    expect(app.tap.text).not.toContain('canary');
  });
});

/** Ends with its test, however it goes: a socket may leave a runtime waiting, or busy, for ever. */
async function runToEnd(file: string, ...args: string[]): Promise<string> {
  const options = { cwd: folder, timeout: 300_000, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 } as const;
  return (await promisify(execFile)(file, args, options)).stdout;
}

describe('client.webSocket', () => {
  const flags = process.version.startsWith('v20.') ? ['--experimental-websocket'] : [];
  const runtimes: Readonly<Record<string, () => Promise<string>>> = {
    'this Node': () => runToEnd(process.execPath, ...flags, 'sockets.mjs', app.url, 'Node'),
    'Node 24': () => runToEnd(node24(), 'sockets.mjs', app.url, 'Node'),
    Bun: () => runToEnd(bun(), 'run', 'sockets.mjs', app.url, 'Bun'),
    Deno: () => runToEnd(deno(), ...DENO_FLAGS, 'sockets.mjs', app.url, 'Deno'),
  };
  it.each(Object.entries(runtimes))('does what the global WebSocket of %s does', async (_, runScripts) => {
    const logs = JSON.parse(await runScripts()) as Record<string, { plain: string[]; sealed: string[] }>;
    expect(Object.keys(logs).length).toBeGreaterThan(12);
    for (const [name, { plain, sealed }] of Object.entries(logs)) expect([name, ...sealed]).toEqual([name, ...plain]);
  });
});

describe('ML-KEM-768', () => {
  it('of Node 24 (WebCrypto, node:crypto) and of @noble/post-quantum: each opens what each other encapsulates', async () => {
    const outcome = JSON.parse(await run(folder, node24(), 'ml-kem.mjs')) as Record<string, boolean>;
    const names = ['web', 'node', 'noble'];
    const pairs = names.flatMap((one) => names.map((other) => `${one} → ${other}`));
    expect(outcome).toEqual(Object.fromEntries(pairs.map((pair) => [pair, true])));
  });
});
