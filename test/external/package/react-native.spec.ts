import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Header, Post, Query, StreamableFile } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CookieJar } from 'tough-cookie';
import { Encrypted } from '../../../src/index.js';
import { CANARY } from '../../integration/e2e/support/raw.js';
import { TestApp } from '../../integration/e2e/support/apps.js';
import { FIXTURE, install, makeFolder, pack, ROOT, run } from './application.js';

/** Metro and React Native's own settings for it, of the release that resolves by `exports` by default. */
const METRO = [
  'metro@0.82',
  '@react-native/metro-config@0.79',
  '@react-native/babel-preset@0.79',
  '@babel/core@7',
  '@babel/runtime@7',
];
/** What docs/react-native.md has the application import, and what React Native itself is made of. */
const POLYFILLS = ['react-native-url-polyfill@2', 'text-encoding-polyfill', 'whatwg-fetch@3', 'abort-controller@3'];
/** Native: its types and its code for JavaScript are there, and nothing that could run here. */
const QUICK_CRYPTO = 'react-native-quick-crypto@1';
/** The last Hermes on npm that runs by itself, without React Native. */
const HERMES = 'hermes-engine-cli@0.12.0';

@Encrypted()
@Controller()
class NoteController {
  @Post('notes')
  create(@Body() note: object): object {
    return { created: note, canary: CANARY };
  }
  @Get('notes')
  find(@Query('search') search: string): object {
    return { found: search, canary: CANARY };
  }
  @Post('bytes')
  @Header('content-type', 'application/octet-stream')
  echo(@Body() bytes: Buffer): StreamableFile {
    return new StreamableFile(Buffer.from(bytes));
  }
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly [string, string][];
  readonly body?: string | number[] | null;
}

let folder: string;
beforeAll(async () => {
  folder = makeFolder();
  const tarball = await pack(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  // Without the packages' peers: React Native itself is half a gigabyte.
  const packages = [...METRO, ...POLYFILLS, QUICK_CRYPTO, HERMES, `file:${tarball}`];
  await install(folder, ...packages, '--ignore-scripts', '--legacy-peer-deps');
  cpSync(join(FIXTURE, 'react-native'), folder, { recursive: true });
  cpSync(join(folder, 'stub'), join(folder, 'node_modules/react-native'), { recursive: true });
  await run(folder, process.execPath, 'bundle.cjs');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One request of the application, as React Native's native side sends it: with the session's cookie. */
async function exchange({ method, url, headers, body }: Asked, jar: CookieJar): Promise<object> {
  const cookie = await jar.getCookieString(url);
  const sent = Array.isArray(body) ? Uint8Array.from(body) : body;
  const response = await fetch(url, {
    method,
    headers: [...headers, ...(cookie ? [['cookie', cookie] as [string, string]] : [])],
    ...(sent != null && { body: sent }),
  });
  for (const each of response.headers.getSetCookie()) await jar.setCookie(each, url);
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => name !== 'set-cookie'),
    body: Buffer.from(await response.arrayBuffer()).toString('base64'),
    at: Date.now(),
  };
}

/** Runs the application in Hermes, up to its next request each time, until it is done. */
async function play(task: object): Promise<unknown> {
  const program = join(folder, 'node_modules/hermes-engine-cli/linux64-bin/hermes');
  const bundle = readFileSync(join(folder, 'bundle.js'), 'utf8');
  const jar = new CookieJar();
  const given = { random: randomBytes(20_000).toString('base64'), now: Date.now(), task };
  for (const answers: object[] = []; ;) {
    const file = join(folder, 'run.js');
    writeFileSync(file, `globalThis.INPUT = ${JSON.stringify({ ...given, answers })};\n${bundle}`);
    const output = await run(folder, program, file);
    const said = JSON.parse(output.trim().split('\n').at(-1)!) as { ask?: Asked; result?: unknown };
    if (!said.ask) return said.result;
    answers.push(await exchange(said.ask, jar));
  }
}

describe.each(['express', 'fastify'] as const)('the client in Hermes, bundled by Metro, against %s', (platform) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start(platform, {
      controllers: [NoteController],
      configure: (nest) => {
        if (platform === 'express') {
          (nest as NestExpressApplication).useBodyParser('raw', { type: 'application/octet-stream' });
          return;
        }
        const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
        fastify.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) =>
          done(null, body),
        );
      },
    });
  });
  afterAll(() => app.close());

  it.each(['X25519', 'P-256', 'MLKEM768-X25519'])('makes a channel by %s and calls over it', async (keyKind) => {
    app.tap.clear();
    expect(await play({ url: app.url, options: { keyKind } })).toEqual({
      kind: keyKind,
      created: [201, { created: { text: 'grüße €' }, canary: CANARY }],
      found: { found: 'canary é', canary: CANARY },
      missing: 404,
      echoed: [3000, true],
    });
    expect(app.tap.text).not.toContain(CANARY);
  });
});

describe('react-native-quick-crypto', () => {
  it('is an engine by its types', async () => {
    await run(folder, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json');
  });
});
