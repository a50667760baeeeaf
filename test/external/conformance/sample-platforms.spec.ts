import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { createE2eClient } from '../../../src/client/index.js';
import type { WebSocketClass } from '../../../src/client/options.js';
import { startSample, type Sample } from './server.js';

// `npm start` and `PLATFORM=fastify npm start` are one application.
describe.each(['express', 'fastify'])('the sample on %s', (platform) => {
  let sample: Sample;
  beforeAll(async () => {
    sample = await startSample({ PLATFORM: platform });
  });
  afterAll(() => sample.stop());

  const headers = { 'content-type': 'application/json' };
  const visitor = () =>
    createE2eClient({
      baseUrl: sample.base,
      keyKind: 'X25519',
      webSocket: WebSocket as unknown as WebSocketClass,
    });

  it('logs in, keeps the notes over it, and logs out', async () => {
    const client = visitor();
    const post = (path: string, body: object) =>
      client.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const note = (await (await post('notes', { title: 'a', body: 'b' })).json()) as object;
    expect((await post('auth/login', { username: 'ada', password: 'wrong' })).status).toBe(401);
    expect((await post('auth/login', { username: 'ada', password: 'lovelace' })).status).toBe(200);
    expect(await (await client.fetch('auth/me')).json()).toEqual({ username: 'ada' });
    expect(await (await client.fetch('notes?search=a')).json()).toEqual([note]);
    expect((await post('notes', { title: '' })).status).toBe(400);
    expect((await post('auth/logout', {})).status).toBe(204);
    expect((await client.fetch('auth/me')).status).toBe(401);
    client.close();
  });

  it.each([null, false, 0, '', 'text', [], { a: [1] }])('echoes %j, sealed and plain', async (value) => {
    const init = { method: 'POST', headers, body: JSON.stringify(value) };
    expect(await (await visitor().fetch('echo', init)).json()).toEqual(value);
    expect(await (await fetch(`${sample.base}/plain/echo`, init)).json()).toEqual(value);
  });

  it('answers over a socket', async () => {
    const client = visitor();
    const socket = client.webSocket('/live');
    await once(socket as unknown as EventTarget, 'open');
    socket.send(JSON.stringify({ event: 'echo', data: { a: 1 } }));
    const [message] = (await once(socket as unknown as EventTarget, 'message')) as [{ data: string }];
    expect(JSON.parse(message.data)).toEqual({ event: 'echo', data: { a: 1 } });
    client.close();
  });

  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/app.js', 'text/javascript; charset=utf-8'],
    ['/lib/client/lazy.js', 'text/javascript; charset=utf-8'],
    ['/vendor/noble/hashes/sha3.js', 'text/javascript; charset=utf-8'],
    ['/style.css?v=1', 'text/css; charset=utf-8'],
  ])('serves its page: %s', async (path, type) => {
    const response = await fetch(sample.base + path);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect((await fetch(`${sample.base}/nothing-here`)).status).toBe(404);
  });

  it('survives a plain body that is not JSON, and one that is too large', async () => {
    const post = (body: string) => fetch(`${sample.base}/plain/echo`, { method: 'POST', headers, body });
    expect((await post('{')).status).toBe(400);
    expect((await post(`"${'x'.repeat(2 ** 20)}"`)).status).toBe(413);
    expect((await fetch(`${sample.base}/health`)).status).toBe(200);
  });
});
