import { expect, it } from '@jest/globals';
import { Controller, Get, Res, Sse, StreamableFile, type MessageEvent } from '@nestjs/common';
import { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import { of, type Observable } from 'rxjs';
import { Encrypted, Plain } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { CANARY } from './support/raw.js';

const file = (): Readable => Readable.from([Buffer.from(CANARY), Buffer.from(CANARY)]);

/** Express' response is Node's own; Fastify's reply holds it. */
type AnyResponse = ServerResponse & { raw?: ServerResponse; hijack?: () => void; send?: (body: unknown) => unknown };

function nodeResponse(response: AnyResponse): ServerResponse {
  response.hijack?.();
  return response.raw ?? response;
}

@Encrypted()
@Controller('streams')
class StreamController {
  @Get('file')
  file(): StreamableFile {
    return new StreamableFile(Buffer.from(CANARY), { type: 'text/plain' });
  }
  @Get('file-stream')
  fileStream(): StreamableFile {
    return new StreamableFile(file(), { disposition: `attachment; filename="${CANARY}.txt"` });
  }
  @Get('write')
  write(@Res() response: AnyResponse): void {
    const raw = nodeResponse(response);
    raw.writeHead(200, { 'Content-Type': 'text/plain' });
    raw.write(CANARY);
    raw.write(CANARY);
    raw.end(CANARY);
  }
  @Get('flush')
  flush(@Res() response: AnyResponse): void {
    const raw = nodeResponse(response);
    raw.setHeader('X-Early', 'yes');
    raw.flushHeaders();
    raw.write(CANARY);
    raw.end();
  }
  @Get('pipe')
  pipe(@Res() response: AnyResponse): void {
    file().pipe(nodeResponse(response));
  }
  @Get('send-stream')
  sendStream(@Res() response: AnyResponse): void {
    if (response.raw) response.send?.(file());
    else file().pipe(response);
  }
  @Get('whole')
  whole(@Res() response: AnyResponse): void {
    const raw = nodeResponse(response);
    // A reason phrase and trailers are on the wire, too.
    raw.writeHead(201, CANARY, { 'Content-Type': 'text/plain; charset=utf-8', Trailer: 'X-Note' });
    raw.addTrailers({ 'X-Note': CANARY });
    raw.end(CANARY);
    raw.end(CANARY);
  }
  @Get('compressed')
  compressed(@Res() response: AnyResponse): void {
    const raw = nodeResponse(response);
    raw.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' });
    raw.end(CANARY);
  }
  @Get('odd-type')
  oddType(@Res() response: AnyResponse): void {
    const raw = nodeResponse(response);
    raw.writeHead(200, { 'Content-Type': `text/plain; charset=latin1; boundary=${CANARY}` });
    raw.end(CANARY);
  }
}

@Encrypted()
@Controller('events')
class EventController {
  @Sse('open')
  @Plain()
  open(): Observable<MessageEvent> {
    return of({ data: 'open' });
  }
  @Sse('sealed')
  sealed(): Observable<MessageEvent> {
    return of({ data: CANARY });
  }
}

onEachPlatform('A stream on a sealed route', (platform) => {
  const app = useApp(platform, { controllers: [StreamController, EventController] });

  it.each(['file', 'file-stream', 'write', 'flush', 'pipe', 'send-stream'])(
    'reaches its client whole: %s',
    async (way) => {
      app().tap.clear();
      const channel = await app().visitor().handshake('X25519');
      const sealed = await channel.request('GET', `/streams/${way}`);
      expect(sealed.status).toBe(200);
      expect(sealed.text.replaceAll(CANARY, '')).toBe('');
      expect(sealed.text).not.toBe('');
      expect(app().tap.text).not.toContain(CANARY);
    },
  );

  it.each([
    ['compressed', 500],
    ['odd-type', 500],
  ])('that cannot be sealed is a sealed error that says what to do: %s', async (way, status) => {
    app().tap.clear();
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('GET', `/streams/${way}`);
    expect(sealed.status).toBe(status);
    expect(sealed.wire.status).toBe(status);
    const message: unknown = expect.stringMatching(/, which cannot be sealed\. Return it|: /);
    expect(JSON.parse(sealed.text)).toMatchObject({ statusCode: status, message });
    expect(sealed.text).not.toContain(CANARY);
    expect(app().tap.text).not.toContain(CANARY);
    expect(app().log.text).not.toContain(CANARY);
  });

  it('leaves the application alive, and its next answer whole', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/streams/whole');
    expect(response.status).toBe(201);
    expect(await response.text()).toBe(CANARY);
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('is as usual on a @Plain() route', async () => {
    const response = await fetch(`${app().url}/events/open`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(await response.text()).toContain('data: open');
  });

  it.each([
    ['open', 'data: open'],
    ['sealed', `data: ${CANARY}`],
  ])('of events that is asked for sealed is sealed: %s', async (name, data) => {
    app().tap.clear();
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('GET', `/events/${name}`);
    expect([sealed.status, sealed.cty]).toEqual([200, 'text/event-stream']);
    expect(sealed.text).toContain(data);
    expect(app().tap.text).not.toContain(CANARY);
  });
});
