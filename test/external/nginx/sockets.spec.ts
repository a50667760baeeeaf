import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket, type Server } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import type { E2eClient, E2eWebSocket } from '../../../src/client/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { liveGateway, seen } from '../../integration/sockets/support/gateway.js';
import { until } from '../../support/clock.js';
import { Nginx, shownConfiguration } from './support/nginx.js';

const Live = liveGateway('/live', Encrypted());
const SHOWN = shownConfiguration('location /live');
const message = (event: string, data?: unknown): string => JSON.stringify({ event, data });

interface Heard {
  readonly socket: E2eWebSocket;
  readonly read: (string | number)[];
  end: string | undefined;
}

async function open(client: E2eClient): Promise<Heard> {
  const socket = client.webSocket('live?room=a b', ['v1']);
  const heard: Heard = { socket, read: [], end: undefined };
  let isOpen = false;
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => (isOpen = true);
  socket.onmessage = ({ data }) => heard.read.push(typeof data === 'string' ? data : (data as ArrayBuffer).byteLength);
  socket.onclose = ({ code, reason, wasClean }) => (heard.end = `${code} ${reason} ${wasClean}`);
  await until(() => isOpen || heard.end !== undefined);
  expect(heard.end).toBeUndefined();
  return heard;
}

onEachPlatform('Sealed sockets through nginx', (platform) => {
  const app = useApp(platform, {
    providers: [Live],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  const clients = () => (app().get(Live) as { server: Server }).server.clients;
  beforeEach(async () => {
    await until(() => clients().size === 0);
    seen.length = 0;
  });

  describe('as the documentation has it', () => {
    let nginx: Nginx;
    beforeAll(async () => void (nginx = await Nginx.start(SHOWN, app().url)));
    afterAll(() => nginx.stop());
    const client = () => app().client({ baseUrl: nginx.url, webSocket: WebSocket });

    it('open, carry text, bytes and broadcasts, and close', async () => {
      const [one, other] = [await open(client()), await open(client())];
      expect(one.socket.protocol).toBe('v1');
      one.socket.send(message('echo', 'grüße'));
      one.socket.send(new Uint8Array(90_000));
      one.socket.send(message('say', 'to all'));
      await until(() => one.read.length === 3 && other.read.length === 1);
      expect(new Set(one.read)).toEqual(new Set([message('echo', 'grüße'), 90_001, message('said', 'to all')]));
      expect(other.read).toEqual([message('said', 'to all')]);
      other.socket.close(3001, 'bye');
      one.socket.send(message('bye'));
      await until(() => one.end !== undefined && other.end !== undefined);
      expect([one.end, other.end]).toEqual(['3001 as asked true', '3001 bye true']);
    });

    it('end as cut where either side of nginx is', async () => {
      const one = await open(client());
      for (const each of clients()) each.terminate();
      await until(() => one.end !== undefined);
      expect(one.end).toBe('1006  false');
    });

    it('end with 1006 where nginx is stopped, and open again once it is back', async () => {
      const one = await open(client());
      await nginx.stop();
      await until(() => one.end !== undefined && clients().size === 0);
      expect([one.end, seen.includes('closed 1006 ')]).toEqual(['1006  false', true]);
      nginx = await Nginx.start(SHOWN, app().url);
      const again = await open(client());
      again.socket.send(message('echo', 1));
      await until(() => again.read.length === 1);
      again.socket.close();
    });

    it('are the only thing at their path: plain HTTP and other sockets are turned away', async () => {
      expect((await fetch(`${nginx.url}/live`)).status).toBe(415);
      expect((await fetch(`${nginx.url}/elsewhere`)).status).toBe(404);
      const raw = new WebSocket(`${nginx.url.replace('http', 'ws')}/live`, ['v1']);
      const status = await new Promise((resolve) => {
        raw.on('unexpected-response', (request, { statusCode }) => {
          request.destroy();
          resolve(statusCode);
        });
        raw.on('error', () => undefined);
      });
      expect(status).toBe(400);
    });
  });

  it('are cut where nothing passes for as long as nginx waits, but not while there are heartbeats', async () => {
    const configuration = SHOWN.replaceAll('1h;', '8s;');
    expect(configuration).not.toBe(SHOWN);
    const nginx = await Nginx.start(configuration, app().url);
    let heartbeat: NodeJS.Timeout | undefined;
    try {
      const client = app().client({ baseUrl: nginx.url, webSocket: WebSocket });
      const idle = await open(client);
      await until(() => clients().size === 1);
      const [silent] = [...clients()];
      const beating = await open(client);
      heartbeat = setInterval(() => {
        for (const each of clients()) if (each !== silent) each.ping();
      }, 100);
      await until(() => idle.end !== undefined);
      expect([idle.end, beating.end]).toEqual(['1006  false', undefined]);
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      expect(beating.end).toBeUndefined();
      clearInterval(heartbeat);
      beating.socket.close();
      await until(() => beating.end !== undefined);
    } finally {
      clearInterval(heartbeat);
      await nginx.stop();
    }
  });
});
