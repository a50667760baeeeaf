import { expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { json, unknownKid, type Channel } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { CANARY, expectPlainProblem } from './support/raw.js';

@Controller('refusals')
@Encrypted()
class RefusalController {
  static ran = 0;
  @Get()
  read(): object {
    RefusalController.ran++;
    return { text: CANARY };
  }
  @Post()
  write(@Body() body: unknown): unknown {
    RefusalController.ran++;
    return { body };
  }
}

const MAX_BODY = 2048;
const JOSE = { 'content-type': 'application/jose' };
/** Base64url of the body limit, and room for the parts of a message beside it. */
const MAX_MESSAGE = Math.ceil(((MAX_BODY + 16_384) * 4) / 3) + 8192;

onEachPlatform('A refusal in the clear', (platform) => {
  const app = useApp(platform, { controllers: [RefusalController], e2e: { maxBodySize: MAX_BODY } });
  const open = (): Promise<Channel> => app().visitor().handshake('X25519');
  /** The handler has not run by the end of this. */
  const untouched = async (run: () => Promise<void>): Promise<void> => {
    const before = RefusalController.ran;
    app().tap.clear();
    await run();
    expect(RefusalController.ran).toBe(before);
    expect(app().tap.text).not.toContain(CANARY);
  };

  it('answers a plain request with message-required, whatever its body', () =>
    untouched(async () => {
      const visitor = app().visitor();
      expectPlainProblem(await visitor.send({ target: '/refusals' }), 'message-required');
      const bodies = [
        ['application/json', '{"a":1}'],
        ['application/x-www-form-urlencoded', 'a=1'],
        // Fastify itself refuses what it has no parser for.
        ...(platform === 'express' ? [['text/plain', 'text'] as const] : []),
      ] as const;
      for (const [type, body] of bodies) {
        const reply = await visitor.send({
          method: 'POST',
          target: '/refusals',
          headers: { 'content-type': type },
          body,
        });
        expectPlainProblem(reply, 'message-required');
      }
    }));

  it('answers HEAD with 405 and nothing else, sealed or not', () =>
    untouched(async () => {
      const channel = await open();
      for (const headers of [{}, { 'e2e-request': channel.message('HEAD', '/refusals').jwe }]) {
        const reply = await channel.visitor.send({ method: 'HEAD', target: '/refusals', headers });
        expect(reply.status).toBe(405);
        expect(reply.headers.allow).toBe('GET');
        expect(reply.headers['cache-control']).toBe('no-store, no-transform');
        expect(reply.body).toBe('');
        expect(reply.headers['content-length']).toBe('0');
      }
    }));

  it('answers an unknown channel, and another session’s, with handshake-required', () =>
    untouched(async () => {
      const [mine, theirs] = [await open(), await open()];
      expectPlainProblem(
        await mine.post(mine.message('GET', '/refusals', undefined, { kid: unknownKid() })),
        'handshake-required',
      );
      const stolen = mine.message('POST', '/refusals', json({ text: CANARY }));
      expectPlainProblem(
        await theirs.visitor.send({ method: 'POST', target: '/refusals', headers: JOSE, body: stolen.jwe }),
        'handshake-required',
      );
      const bare = app().visitor();
      expectPlainProblem(
        await bare.send({ method: 'POST', target: '/refusals', headers: JOSE, body: stolen.jwe }),
        'handshake-required',
      );
    }));

  it('is one constant body for everything that is wrong with a message', () =>
    untouched(async () => {
      const channel = await open();
      const honest = channel.message('POST', '/refusals', json([1])).jwe;
      const flipped = honest.replace(/.(?=.{30}$)/, (character) => (character === 'A' ? 'B' : 'A'));
      const elsewhere = channel.message('POST', '/refusals?x=1', json([1])).jwe;
      const otherMethod = channel.message('PUT', '/refusals', json([1])).jwe;
      const replies = [];
      for (const body of ['', 'x', flipped, elsewhere, otherMethod, `${honest}=`, honest.slice(1)]) {
        const reply = await channel.visitor.send({ method: 'POST', target: '/refusals', headers: JOSE, body });
        expectPlainProblem(reply, 'message-rejected');
        replies.push(JSON.stringify([reply.status, reply.body, Object.keys(reply.headers).sort()]));
      }
      expect(new Set(replies).size).toBe(1);
    }));

  it('meets a plain body beside E2e-Request, and two messages at once', () =>
    untouched(async () => {
      const channel = await open();
      const { jwe } = channel.message('POST', '/refusals');
      for (const [type, body] of [
        ['application/json', '{"a":1}'],
        ['application/jose', channel.message('POST', '/refusals', json([1])).jwe],
      ] as const) {
        const headers = { 'e2e-request': jwe, 'content-type': type };
        const reply = await channel.visitor.send({ method: 'POST', target: '/refusals', headers, body });
        expectPlainProblem(reply, 'message-rejected');
      }
    }));

  it.each([false, true])('is too-large for a body over the limit, chunked or announced: chunked %s', (chunked) =>
    untouched(async () => {
      const channel = await open();
      const reply = await channel.visitor.send({
        method: 'POST',
        target: '/refusals',
        headers: JOSE,
        body: 'x'.repeat(MAX_MESSAGE + 1),
        chunked,
      });
      expectPlainProblem(reply, 'too-large', `at most ${MAX_MESSAGE} bytes`);
    }),
  );

  it('is too-large for a plaintext over maxBodySize that fits the body', () =>
    untouched(async () => {
      const channel = await open();
      const message = channel.message('POST', '/refusals', json(['x'.repeat(MAX_BODY - 3)]));
      expectPlainProblem(await channel.post(message), 'too-large', `at most ${MAX_BODY} bytes`);
    }));

  it('takes a body of exactly maxBodySize', async () => {
    const channel = await open();
    const sealed = await channel.request('POST', '/refusals', json(['x'.repeat(MAX_BODY - 4)]));
    expect(sealed.status).toBe(201);
  });

  it('is message-rejected for an E2e-Request over 6,144 bytes', () =>
    untouched(async () => {
      const channel = await open();
      const headers = { 'e2e-request': 'x'.repeat(6145) };
      const reply = await channel.visitor.send({ target: '/refusals', headers });
      expectPlainProblem(reply, 'message-rejected');
    }));

  it('is sealed from step 5 on: stale, from the future, and replayed', async () => {
    const channel = await open();
    const now = Math.floor(Date.now() / 1000);
    const before = RefusalController.ran;
    for (const iat of [now - 320, now + 60]) {
      const sealed = await channel.request('POST', '/refusals', json([1]), { members: { iat } });
      expect(sealed.status).toBe(400);
      expect(JSON.parse(sealed.text)).toMatchObject({ type: 'urn:e2e:problem:message-stale' });
    }
    expect(RefusalController.ran).toBe(before);
    const message = channel.message('POST', '/refusals', json([1]));
    expect(channel.open(await channel.post(message), message).status).toBe(201);
    const copy = channel.open(await channel.post(message), message);
    expect(copy.status).toBe(409);
    expect(JSON.parse(copy.text)).toMatchObject({ type: 'urn:e2e:problem:message-replayed' });
    expect(RefusalController.ran).toBe(before + 1);
  });
});
