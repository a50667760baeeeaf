import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { createE2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { Nginx, shownConfiguration } from './support/nginx.js';

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
  ['/', '', 'server {\n  location / {\n    proxy_pass http://127.0.0.1:3000;\n    proxy_set_header Host $host;\n'],
  ['/api/', '/api', 'location /api/ {'],
])('nginx as the documentation has it, at %s', (_, publicPath, part) => {
  const app = useApp('express', { controllers: [UserController], e2e: { publicPath: publicPath || undefined } });
  let nginx: Nginx;
  let url: string;
  beforeAll(async () => {
    nginx = await Nginx.start(shownConfiguration(part), app().url);
    url = nginx.url + publicPath;
  });
  afterAll(() => nginx.stop());

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
