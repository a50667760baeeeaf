import { expect, it } from '@jest/globals';
import { Body, ConflictException, Controller, Post } from '@nestjs/common';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { sendUpload, upload } from './support/frames.js';

const PIECE = Buffer.alloc(65_536, 'x');
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

@Encrypted()
@Controller('bodies')
class BodyController {
  @Post('dto')
  dto(@Body() body: unknown): object {
    return { body };
  }
  @Post('unread')
  unread(): never {
    throw new ConflictException();
  }
}

onEachPlatform('An upload that is refused before its end', (platform) => {
  const app = useApp(platform, { controllers: [BodyController], e2e: { maxStreamSize: 2 ** 24 } });

  it('reaches its client, which sees why, and leaves nothing behind', async () => {
    const channel = await app().visitor().handshake('X25519');
    const before = timers();
    for (let left = 4; left > 0; left--) {
      const sent = upload(channel, '/bodies/dto', 'application/json', Array<Buffer>(60).fill(PIECE));
      const sealed = await sendUpload(channel, sent);
      expect(sealed.status).toBe(413);
    }
    await until(() => timers() <= before);
  });

  it('is read on before its connection closes', async () => {
    const channel = await app().visitor().handshake('X25519');
    const { head, frames } = upload(channel, '/bodies/dto', 'application/json', Array<Buffer>(60).fill(PIECE));
    const parts = [head, ...frames];
    const length = Buffer.concat(parts).length;
    const { hostname, port } = new URL(app().url);
    const socket = connect(Number(port), hostname);
    const fields = `Host: x\r\nCookie: ${String(channel.visitor.jar)}\r\nContent-Type: application/vnd.e2e.stream`;
    socket.write(`POST /bodies/dto HTTP/1.1\r\n${fields}\r\nContent-Length: ${length}\r\n\r\n`);
    for (const part of parts.slice(0, 40)) socket.write(part);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 413 /);

    // By the time that the server answered these, a connection that it had closed would have ended here.
    for (let left = 3; left > 0; left--) await fetch(`${app().url}/nowhere`);
    expect(socket.readableEnded).toBe(false);
    const ended = once(socket, 'end');
    for (const part of parts.slice(40)) socket.write(part);
    await ended;
    socket.destroy();
  });

  it('ends its connection, so that no other request is sent on it and lost', async () => {
    const client = app().client();
    for (let left = 4; left > 0; left--) {
      const init = { method: 'POST', body: new Blob(['x'.repeat(200 * PIECE.length)]) };
      app().tap.clear();
      const answer = await client.fetch('/bodies/unread', init);
      // Fastify has no parser for it, and says so as early.
      expect(answer.status).toBe(platform === 'express' ? 409 : 415);
      await answer.text();
      expect(app().tap.text).toMatch(/^connection: close/im);
      expect((await client.fetch('/bodies/dto', { method: 'POST' })).status).toBe(201);
    }
  });

  it('and whose client then goes away leaves nothing behind', async () => {
    const channel = await app().visitor().handshake('X25519');
    const before = timers();
    for (let left = 4; left > 0; left--) {
      const { head, frames } = upload(channel, '/bodies/dto', 'application/json', Array<Buffer>(40).fill(PIECE));
      const { hostname, port } = new URL(app().url);
      const socket = connect(Number(port), hostname);
      const fields = `Host: x\r\nCookie: ${String(channel.visitor.jar)}\r\nContent-Type: application/vnd.e2e.stream`;
      socket.write(`POST /bodies/dto HTTP/1.1\r\n${fields}\r\nContent-Length: 100000000\r\n\r\n`);
      for (const part of [head, ...frames]) socket.write(part);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    }
    await until(() => timers() <= before);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
