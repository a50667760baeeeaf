import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { createE2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';

const DOCS = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
const CONFIGURATIONS = [...DOCS.matchAll(/```nginx\n([\s\S]*?)```/g)].map(([, block = '']) => block);

@Encrypted()
@Controller('users')
class UserController {
  @Get(':id')
  find(@Param('id') id: string, @Query() query: object): object {
    return { id, query };
  }

  @Post(':id')
  update(@Param('id') id: string, @Body() body: object): object {
    return { id, body };
  }
}

const IDS = ['ada', 'ada@example.com', 'a/b', 'a b', 'a:b', 'a+b', 'a&b', 'a?b', 'a#b', 'café', '50%', "it's", '日本'];

describe.each([
  ['/', ''],
  ['/api/', '/api'],
])('nginx as the documentation has it, at %s', (location, publicPath) => {
  const app = useApp('express', { controllers: [UserController], e2e: { publicPath: publicPath || undefined } });
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  let nginx: ChildProcess;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    const shown = CONFIGURATIONS.find((block) => block.includes(`location ${location} {`))!;
    const server = shown
      .replaceAll('http://127.0.0.1:3000', app().url)
      .replace('server {', `server { listen 127.0.0.1:${port};`);
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${folder}/pid; error_log ${folder}/log; events {} http { access_log off; ${folders.join(' ')} ${server} }`,
    );
    nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
    url = `http://127.0.0.1:${port}${publicPath}`;
    await answers(url);
  });

  afterAll(async () => {
    nginx.kill();
    await new Promise((resolve) => nginx.once('exit', resolve));
    rmSync(folder, { recursive: true });
  });

  it('passes every path on as it was sent', async () => {
    const client = createE2eClient({ baseUrl: url, keyKind: 'X25519' });
    for (const id of IDS) {
      const path = `users/${encodeURIComponent(id)}`;
      const found = await client.fetch(`${path}?q=${encodeURIComponent(id)}`);
      expect([id, found.status, await found.json()]).toEqual([id, 200, { id, query: { q: id } }]);
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
      const updated = await client.fetch(`${path}?q=1`, init);
      expect([id, updated.status, await updated.json()]).toEqual([id, 201, { id, body: { a: 1 } }]);
    }
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Until something answers there; the test's own limit ends what never does. */
async function answers(url: string): Promise<void> {
  for (;;) {
    const isThere = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
