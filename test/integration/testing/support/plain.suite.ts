/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call, @typescript-eslint/use-unknown-in-catch-callback-variable -- written as people write their suites */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import request from 'supertest';

/**
 * A suite as people write them for supertest. Its twin, sealed.suite.ts, differs in the import of `request` alone, which
 * supertest.spec.ts holds: that is what moving a suite over is.
 */
export function suite(start: () => Promise<INestApplication>): void {
  let app: INestApplication;
  const server = () => app.getHttpServer() as never;
  beforeAll(async () => {
    app = await start();
    await app.init();
  });
  afterAll(() => app.close());

  describe('a test', () => {
    it('is the promise of its response', () => request(server()).get('/cats').expect(200));
    it('is awaited', async () => {
      const response = await request(server()).get('/cats').expect(200);
      expect(response.body).toEqual([{ name: 'Tom' }]);
    });
    it('calls back', (done) => {
      request(server())
        .get('/cats')
        .end((error, response) => {
          if (error) return done(error as Error);
          expect(response.status).toBe(200);
          done();
        });
    });
    it('calls back by its last expectation', (done) => {
      request(server())
        .get('/cats')
        .expect(200, (error) => done(error as Error | undefined));
    });
    it('calls back by an expectation of a header', (done) => {
      request(server())
        .get('/cats')
        .expect('content-type', /json/, (error) => done(error as Error | undefined));
    });
    it('gives an expectation that is not met to its callback', (done) => {
      request(server())
        .get('/cats')
        .expect(404)
        .end((error, response) => {
          expect(error).toHaveProperty('message', expect.stringMatching(/404.*200/s));
          expect(response.status).toBe(200);
          done();
        });
    });
    it('takes then and catch', async () => {
      const status = await request(server())
        .get('/cats')
        .then(({ status }) => status);
      expect(status).toBe(200);
      const message = await request(server())
        .get('/cats')
        .expect(500)
        .catch((error: Error) => error.message);
      expect(message).toContain('500');
    });
    it('stands in an array of promises', async () => {
      const calls: Promise<request.Response>[] = [1, 2, 3].map(() => request(server()).get('/cats'));
      expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200]);
    });
    it('has types with names', async () => {
      const login = (test: request.Test): request.Test => test.set('x-user', 'ada');
      const response: request.Response = await login(request(server()).get('/echo'));
      expect(response.body.user).toBe('ada');
    });
  });

  describe('expectations', () => {
    it('of status, body and both', async () => {
      await request(server())
        .get('/cats')
        .expect(200, [{ name: 'Tom' }]);
      await request(server())
        .get('/cats')
        .expect([{ name: 'Tom' }]);
      await request(server()).get('/hello').expect(200).expect('Hello World!');
      await request(server()).get('/hello').expect(200, 'Hello World!');
      await request(server()).get('/hello').expect(/World/);
      await request(server()).get('/cats').expect([200, 404]);
      await request(server()).get('/null').expect(200);
    });
    it('of headers', async () => {
      await request(server())
        .get('/cats')
        .expect('Content-Type', /json/)
        .expect('content-type', 'application/json; charset=utf-8')
        .expect('Content-Length', '16')
        .expect('X-Seen', 'yes');
    });
    it('of functions', async () => {
      await request(server())
        .get('/cats')
        .expect((response) => {
          expect(response.body[0].name).toBe('Tom');
        })
        .expect((response: request.Response) => {
          response.body.push('seen');
        })
        .expect([{ name: 'Tom' }, 'seen']);
    });
    it.each<[string, (test: request.Test) => request.Test]>([
      ['status', (test) => test.expect(201)],
      ['statuses', (test) => test.expect([201, 204])],
      ['body', (test) => test.expect([{ name: 'Jerry' }])],
      ['string', (test) => test.expect('Jerry')],
      ['pattern', (test) => test.expect(/Jerry/)],
      ['header', (test) => test.expect('x-seen', 'no')],
      ['missing header', (test) => test.expect('x-none', /./)],
      ['thrown', (test) => test.expect(() => expect(1).toBe(2))],
      ['returned', (test) => test.expect(() => new Error('no'))],
    ])('fail: %s', async (_what, add) => {
      await expect(add(request(server()).get('/cats'))).rejects.toThrow();
    });
    it('of statuses that are errors', async () => {
      const response = await request(server()).get('/missing').expect(404);
      expect(response.notFound).toBe(true);
      expect(response.ok).toBe(false);
      expect(response.clientError).toBe(true);
      expect(response.error && response.error.status).toBe(404);
      expect(response.error && response.error.text).toContain('Cannot GET /missing');
      await request(server()).get('/broken').expect(500, { statusCode: 500, message: 'Internal server error' });
    });
  });

  describe('requests', () => {
    const echoed = async (test: request.Test): Promise<Record<string, unknown>> => (await test.expect(201)).body;

    it('send nothing', async () => {
      expect((await echoed(request(server()).post('/echo').send())).type).toBeUndefined();
      expect((await echoed(request(server()).post('/echo'))).type).toBeUndefined();
    });
    it('send objects, arrays, and one upon another', async () => {
      expect(
        await echoed(
          request(server())
            .post('/echo')
            .send({ a: [1, { b: null }] }),
        ),
      ).toMatchObject({
        type: 'application/json',
        body: { a: [1, { b: null }] },
      });
      expect(await echoed(request(server()).post('/echo').send({ a: 1 }).send({ b: 2 }))).toMatchObject({
        body: { a: 1, b: 2 },
      });
      expect((await echoed(request(server()).post('/echo').send([1, 2]))).body).toEqual([1, 2]);
      class Dto {
        constructor(readonly name: string) {}
      }
      expect((await echoed(request(server()).post('/echo').send(new Dto('Tom')))).body).toEqual({ name: 'Tom' });
    });
    it('send forms and texts', async () => {
      const type = 'application/x-www-form-urlencoded';
      expect(await echoed(request(server()).post('/echo').send('a=1').send('b=2'))).toMatchObject({
        type,
        body: { a: '1', b: '2' },
      });
      const form = { name: 'Tom & Jerry', tags: ['a', 'b'] };
      expect(await echoed(request(server()).post('/echo').type('form').send(form))).toMatchObject({ type, body: form });
      expect((await echoed(request(server()).post('/echo').type('json').send('{"a":1}'))).body).toEqual({ a: 1 });
      expect(
        (await echoed(request(server()).post('/echo').set('Content-Type', 'application/json').send({ a: 1 }))).body,
      ).toEqual({
        a: 1,
      });
    });
    it('have queries', async () => {
      const query = async (test: request.Test): Promise<unknown> => (await test.expect(200)).body.query;
      const given = { b: 'x y&z', c: [1, 2], d: undefined, e: true };
      expect(await query(request(server()).get('/echo?a=1').query(given))).toEqual({
        a: '1',
        b: 'x y&z',
        c: ['1', '2'],
        e: 'true',
      });
      const parts = request(server())
        .get('/echo')
        .query('a=1')
        .query({ f: { g: "it's" } })
        .query('b=2');
      expect(await query(parts)).toEqual({ a: '1', b: '2', 'f[g]': "it's" });
      expect(
        await query(
          request(server())
            .get('/echo')
            .query({ n: null, day: new Date(0) }),
        ),
      ).toEqual({
        n: '',
        day: '1970-01-01T00:00:00.000Z',
      });
    });
    it('have headers, in every form', async () => {
      const { body } = await request(server())
        .get('/echo')
        .set({ 'x-user': 'ada', 'X-Other': 'b' })
        .set('Accept', 'application/json')
        .set('x-gone', 'yes')
        .unset('x-gone')
        .expect(200);
      expect(body).toMatchObject({ user: 'ada', accept: 'application/json' });
      expect(body.gone).toBeUndefined();
      const authorization = async (test: request.Test): Promise<string> => (await test).body.authorization;
      expect(await authorization(request(server()).get('/echo').auth('ada', 'x:y'))).toBe('Basic YWRhOng6eQ==');
      expect(await authorization(request(server()).get('/echo').auth('token', { type: 'bearer' }))).toBe(
        'Bearer token',
      );
      expect((await request(server()).get('/echo').accept('json')).body.accept).toBe('application/json');
      expect((await request(server()).get('/echo').set('Cookie', ['a=1', 'b=2'])).body.cookie).toContain('a=1');
      expect((await request(server()).get('/echo').set('Cookie', 'lang=de')).body.cookie).toContain('lang=de');
    });
    it('have every method', async () => {
      await request(server()).put('/echo').send({ a: 1 }).expect(200);
      await request(server()).patch('/echo').send({ a: 1 }).expect(200);
      await request(server()).delete('/echo').expect(200);
      await request(server()).options('/echo').expect(200);
    });
    it('upload files and fields', async () => {
      const { body } = await request(server())
        .post('/files')
        .field('title', 'My "file"')
        .field('tags', ['a', 'b'])
        .field({ n: 1, yes: true })
        .attach('file', Buffer.from('content'), 'note.txt')
        .attach('image', Buffer.from([0, 255, 13, 10]), { filename: 'a.png', contentType: 'image/x-own' })
        .attach('self', 'package.json')
        .expect(201);
      const own = readFileSync('package.json').toString('hex');
      expect(body).toEqual({
        fields: { title: 'My "file"', tags: ['a', 'b'], n: '1', yes: 'true' },
        files: [
          { field: 'file', name: 'note.txt', type: 'text/plain', hex: Buffer.from('content').toString('hex') },
          { field: 'image', name: 'a.png', type: 'image/x-own', hex: '00ff0d0a' },
          { field: 'self', name: expect.stringMatching(/^package\.json$/), type: expect.any(String), hex: own },
        ],
      });
    });
    it('upload files that are long', async () => {
      const { body } = await request(server())
        .post('/files')
        .field('title', 'long')
        .attach('file', Buffer.alloc(300_000, 'long'), 'long.bin')
        .expect(201);
      expect(body.fields).toEqual({ title: 'long' });
      expect(body.files[0].name).toBe('long.bin');
      expect(body.files[0].hex).toBe(Buffer.alloc(300_000, 'long').toString('hex'));
    });
    it('have plugins, and time', async () => {
      const asAda = (test: request.Test) => void test.set('x-user', 'ada');
      expect(
        (
          await request(server())
            .get('/echo')
            .use(asAda as never)
        ).body.user,
      ).toBe('ada');
      await request(server()).get('/cats').timeout(20_000).expect(200);
      await request(server()).get('/cats').timeout({ response: 20_000, deadline: 25_000 }).expect(200);
      await expect(request(server()).get('/slow').timeout(50)).rejects.toMatchObject({
        code: 'ECONNABORTED',
        timeout: 50,
      });
    });
    it('are sent again', async () => {
      let asked = 0;
      const isMissing = (error: unknown, { status }: { status: number }) => ++asked > 0 && status === 404;
      await request(server()).get('/nothing').retry(2, isMissing).expect(404);
      expect(asked).toBe(2);
      await request(server())
        .get('/cats')
        .ok(({ status }) => status < 500)
        .retry(2)
        .expect(200);
    });
  });

  describe('responses', () => {
    it('have status, headers and types', async () => {
      const response = await request(server()).get('/cats');
      expect(response.status).toBe(200);
      expect(response.statusCode).toBe(200);
      expect(response.statusType).toBe(2);
      expect(response.ok).toBe(true);
      expect(response.error).toBe(false);
      expect(response.type).toBe('application/json');
      expect(response.charset).toBe('utf-8');
      expect(response.text).toBe('[{"name":"Tom"}]');
      expect(response.header['content-type']).toBe('application/json; charset=utf-8');
      expect(response.headers['x-seen']).toBe('yes');
      expect(response.get('X-Seen')).toBe('yes');
      expect(response.get('x-none')).toBeUndefined();
      const seen: string | undefined = response.headers['x-seen'];
      expect(seen?.length).toBe(3);
    });
    it('have links', async () => {
      const { links } = await request(server()).get('/links');
      expect(links).toEqual({ next: '/cats?page=2', last: '/cats?page=9' });
    });
    it('have bodies of every type', async () => {
      const text = await request(server()).get('/hello');
      expect(text.body).toEqual({});
      expect(text.text).toBe('Hello World!');
      const bytes = await request(server())
        .get('/bytes')
        .expect(200)
        .expect('content-type', 'application/octet-stream');
      expect(bytes.body).toEqual(Buffer.from([0, 255, 1]));
      const image = await request(server()).get('/image').buffer(true);
      expect(image.body).toEqual(Buffer.from([137, 80]));
      const csv = await request(server())
        .get('/hello')
        .buffer()
        .parse((response, done) => {
          const chunks: string[] = [];
          const stream = response as unknown as NodeJS.ReadableStream;
          stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
          stream.on('end', () => done(null, chunks.join('').split(' ')));
        });
      expect(csv.body).toEqual(['Hello', 'World!']);
      expect((await request(server()).get('/hello').responseType('blob')).body).toEqual(Buffer.from('Hello World!'));
      expect((await request(server()).get('/empty').expect(204)).text).toBe('');
      expect((await request(server()).get('/form')).body).toEqual({ a: '1', b: '2' });
    });
    it('may be files', async () => {
      const file = Buffer.alloc(200_000, 'file');
      const response = await request(server())
        .get('/download')
        .expect(200)
        .expect('content-disposition', 'attachment; filename="a.bin"');
      expect(response.body).toEqual(file);
      const read = await request(server())
        .get('/download')
        .buffer(true)
        .parse((stream, done) => {
          let length = 0;
          const source = stream as unknown as NodeJS.ReadableStream;
          source.on('data', (chunk: Buffer) => (length += chunk.length));
          source.on('end', () => done(null, length));
        });
      expect(read.body).toBe(200_000);
    });
    it('may be streams of events', async () => {
      const { text } = await request(server())
        .get('/events')
        .set('accept', 'text/event-stream')
        .expect('content-type', /^text\/event-stream/);
      expect(text.match(/^data: .*$/gm)).toEqual(['data: {"n":1}', 'data: {"n":2}', 'data: {"n":3}']);
    });
    it('may be redirects', async () => {
      await request(server()).get('/moved').expect(302).expect('Location', '/cats');
      const followed = await request(server())
        .get('/moved')
        .redirects(1)
        .expect(200, [{ name: 'Tom' }]);
      expect(followed.redirects).toHaveLength(1);
    });
  });

  describe('sessions', () => {
    it('are kept by an agent', async () => {
      const agent = request.agent(server());
      await agent.get('/whoami').expect(200, { name: 'nobody' });
      await agent.post('/login').send({ name: 'ada' }).expect(201);
      await agent.get('/whoami').expect(200, { name: 'ada' });
      const other = request.agent(server());
      await other.get('/whoami').expect(200, { name: 'nobody' });
    });
    it('are not kept without one', async () => {
      await request(server()).post('/login').send({ name: 'ada' }).expect(201);
      await request(server()).get('/whoami').expect(200, { name: 'nobody' });
    });
    it('are carried by hand', async () => {
      const login = await request(server()).post('/login').send({ name: 'grace' }).expect(201);
      const cookie = login.get('Set-Cookie') as unknown as string[];
      expect(cookie).toEqual([expect.stringMatching(/^connect\.sid=/)]);
      await request(server()).get('/whoami').set('Cookie', cookie).expect(200, { name: 'grace' });
      const first = login.headers['set-cookie']![0]!.split(';')[0]!;
      await request(server()).get('/whoami').set('Cookie', first).expect(200, { name: 'grace' });
      const agent = request.agent(server()).set('Cookie', cookie);
      await agent.get('/whoami').expect(200, { name: 'grace' });
    });
    it('have defaults for all calls of an agent', async () => {
      const agent = request.agent(server()).set('x-user', 'ada').auth('t', { type: 'bearer' }).query({ a: 1 });
      const { body } = await agent.get('/echo');
      expect(body).toMatchObject({ user: 'ada', authorization: 'Bearer t', query: { a: '1' } });
    });
  });
}
