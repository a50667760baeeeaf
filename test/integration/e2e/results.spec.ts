import { expect, it } from '@jest/globals';
import { Controller, Delete, Get, Header, HttpCode, Param, Post, Res } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp, type PlatformName } from './support/apps.js';
import { CANARY } from './support/raw.js';

const VALUES: Record<string, unknown> = {
  object: { text: CANARY, nested: { list: [1, null, 'ü 🔐'] } },
  array: [CANARY, 1, true, null],
  'empty-array': [],
  date: new Date('2026-11-23T10:00:00Z'),
};

interface ExpressLike {
  status(code: number): ExpressLike;
  json(value: unknown): unknown;
  send(value: unknown): unknown;
  end(text?: string): unknown;
  setHeader(name: string, value: string): void;
}
interface FastifyLike {
  code(code: number): FastifyLike;
  send(value?: unknown): unknown;
  header(name: string, value: string): FastifyLike;
  hijack(): void;
  raw: { writeHead(status: number, headers: object): { end(text: string): void } };
}

@Encrypted()
@Controller('results')
class ResultController {
  @Get('value/:name')
  value(@Param('name') name: string): unknown {
    return VALUES[name];
  }

  @Get('nothing')
  nothing(): void {
    // An empty answer.
  }

  @Post('created')
  created(): object {
    return { text: CANARY };
  }

  @Post('accepted')
  @HttpCode(202)
  accepted(): object {
    return { text: CANARY };
  }

  @Delete('gone')
  @HttpCode(204)
  gone(): void {
    // An answer without a body.
  }

  @Get('buffer')
  buffer(): Buffer {
    return Buffer.from([0, 1, 2, 254, 255]);
  }

  @Get('csv')
  @Header('Content-Type', 'text/csv; charset=utf-8')
  csv(): string {
    return `a,b\n1,${CANARY}`;
  }

  @Get('headers')
  @Header('X-Application', 'visible')
  @Header('ETag', '"abc"')
  @Header('Last-Modified', 'Mon, 23 Nov 2026 10:00:00 GMT')
  @Header('Cache-Control', 'public, max-age=60')
  headers(): object {
    return { text: CANARY };
  }

  @Get('passthrough')
  passthrough(@Res({ passthrough: true }) response: ExpressLike & FastifyLike): object {
    if ('code' in response) response.code(203).header('x-own', 'own');
    else (response as ExpressLike).status(203).setHeader('x-own', 'own');
    return { text: CANARY };
  }
}

@Encrypted()
@Controller('own')
class ExpressController {
  @Get('json')
  json(@Res() response: ExpressLike): void {
    response.status(201).json({ text: CANARY });
  }
  @Get('send')
  send(@Res() response: ExpressLike): void {
    response.send(`<b>${CANARY}</b>`);
  }
  @Get('end')
  end(@Res() response: ExpressLike): void {
    response.end(CANARY);
  }
  @Get('empty')
  empty(@Res() response: ExpressLike): void {
    response.status(202).end();
  }
}

@Encrypted()
@Controller('own')
class FastifyController {
  @Get('json')
  json(@Res() reply: FastifyLike): void {
    reply.code(201).send({ text: CANARY });
  }
  @Get('send')
  send(@Res() reply: FastifyLike): void {
    reply.header('content-type', 'text/html; charset=utf-8').send(`<b>${CANARY}</b>`);
  }
  @Get('end')
  end(@Res() reply: FastifyLike): void {
    reply.hijack();
    reply.raw.writeHead(200, { 'X-Own': 'own' }).end(CANARY);
  }
  @Get('empty')
  empty(@Res() reply: FastifyLike): void {
    reply.code(202).send();
  }
}

const controllers = (platform: PlatformName) => [
  ResultController,
  platform === 'express' ? ExpressController : FastifyController,
];

onEachPlatform('What a handler gives', (platform) => {
  const app = useApp(platform, { controllers: controllers(platform) });
  const get = (path: string) => app().client().fetch(path);

  it.each(Object.keys(VALUES))('reaches the client as JSON: %s', async (name) => {
    app().tap.clear();
    const response = await get(`/results/value/${name}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toBe(JSON.stringify(VALUES[name]));
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('is an empty body where it is undefined', async () => {
    const response = await get('/results/nothing');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it('has the status of its method and of @HttpCode, inside and on the wire', async () => {
    const visitor = app().visitor();
    const channel = await visitor.handshake('X25519');
    for (const [method, path, status] of [
      ['POST', '/results/created', 201],
      ['POST', '/results/accepted', 202],
    ] as const) {
      const sealed = await channel.request(method, path);
      expect(sealed.status).toBe(status);
      expect(sealed.wire.status).toBe(status);
      expect(JSON.parse(sealed.text)).toEqual({ text: CANARY });
    }
  });

  it('may be nothing at all: 204 travels as 200, its true status sealed', async () => {
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('DELETE', '/results/gone');
    expect(sealed.status).toBe(204);
    expect(sealed.wire.status).toBe(200);
    const response = await app().client().fetch('/results/gone', { method: 'DELETE' });
    expect(response.status).toBe(204);
    expect(response.body).toBeNull();
  });

  it('may be a Buffer, as the platform sends it', async () => {
    const response = await get('/results/buffer');
    if (platform === 'express') {
      expect(await response.json()).toEqual({ type: 'Buffer', data: [0, 1, 2, 254, 255] });
    } else {
      expect(response.headers.get('content-type')).toBe('application/octet-stream');
      expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 1, 2, 254, 255]);
    }
  });

  it('keeps a media type of its own', async () => {
    const response = await get('/results/csv');
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(await response.text()).toBe(`a,b\n1,${CANARY}`);
  });

  it('keeps its other headers, but none that describes or caches the plain body', async () => {
    app().tap.clear();
    const response = await get('/results/headers');
    expect(response.headers.get('x-application')).toBe('visible');
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform');
    expect(app().tap.text).not.toMatch(/^(etag|last-modified):/im);
  });

  it('leaves status and headers that the handler set by a response passed through', async () => {
    const response = await get('/results/passthrough');
    expect(response.status).toBe(203);
    expect(response.headers.get('x-own')).toBe('own');
    expect(await response.json()).toEqual({ text: CANARY });
  });

  it.each([
    ['json', 201, 'application/json; charset=utf-8', JSON.stringify({ text: CANARY })],
    ['send', 200, 'text/html; charset=utf-8', `<b>${CANARY}</b>`],
    ['end', 200, 'application/octet-stream', CANARY],
    ['empty', 202, null, ''],
  ] as const)('may be sent by the handler itself: %s', async (way, status, type, text) => {
    app().tap.clear();
    const response = await get(`/own/${way}`);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toBe(text);
    expect(app().tap.text).not.toContain(CANARY);
  });
});
