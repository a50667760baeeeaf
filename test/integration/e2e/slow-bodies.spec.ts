import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import { connect, type ClientHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { nodeEngine } from '../../../src/crypto/node.js';
import type { ProblemName } from '../../../src/protocol/problem.js';
import { json, type Channel, type Sealed } from '../../external/conformance/channel.js';
import type { Reply } from '../../external/conformance/wire.js';
import { stopTimers, until } from '../../support/clock.js';
import { upload } from '../streams/support/frames.js';
import { onEachPlatform, useApp, type TestApp } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { SessionController } from './support/sessions.js';

const LIMIT_SECONDS = 300;
/** The default of maxUploadTime. */
const UPLOAD_SECONDS = 3600;
/** How long the rest of a refused body is read (PROTOCOL §6). */
const LINGER_MS = 10_000;
const NOTES = '/session/notes';

interface Slow {
  readonly target: string;
  readonly type: string;
  readonly body: Buffer;
  readonly open: (reply: Reply) => Sealed;
}

function message(channel: Channel): Slow {
  const sealed = channel.message('POST', NOTES, json({ note: 'slow' }));
  const open = (reply: Reply) => channel.open(reply, sealed);
  return { target: NOTES, type: 'application/jose', body: Buffer.from(sealed.jwe), open };
}
function framed(channel: Channel, members: Record<string, unknown> = {}): Slow {
  const sent = upload(channel, NOTES, 'application/json', ['{"note":"slow"}'], { members });
  const open = (reply: Reply) => channel.open(reply, sent.message);
  const body = Buffer.concat([sent.head, ...sent.frames]);
  return { target: NOTES, type: 'application/vnd.e2e.stream', body, open };
}
function handshake(): Slow {
  const body = Buffer.from(JSON.stringify({ publicKey: nodeEngine.generateKeyPair('X25519').publicKey }));
  const open = () => {
    throw new Error('the response to a handshake is plain');
  };
  return { target: '/e2e/handshake', type: 'application/json', body, open };
}

/** Sends the head of a request with the first bytes of its body; when this resolves, the server waits for more. */
async function begin(app: TestApp, channel: Channel, { target, type, body }: Slow) {
  const headers = { 'content-type': type, 'content-length': body.length, cookie: String(channel.visitor.jar) };
  const arrived = once(app.nest.getHttpServer() as Server, 'request') as Promise<[IncomingMessage]>;
  const out = request(app.url + target, { method: 'POST', headers, agent: false });
  const reply = new Promise<Reply>((resolve, reject) => {
    out.on('error', reject).on('response', (response) => {
      const { statusCode: status = 0, headers, rawHeaders } = response;
      buffer(response).then((bytes) => resolve({ status, headers, rawHeaders, body: bytes.toString(), bytes }), reject);
    });
  });
  out.write(body.subarray(0, 20));
  const [raw] = await arrived;
  await until(() => raw.listenerCount('readable') > 0);
  return { raw, reply, finish: () => out.end(body.subarray(20)) };
}

onEachPlatform('A body that comes long after its head', (platform) => {
  const app = useApp(platform, { controllers: [SessionController] });
  const { now } = Date;
  let passed: number;
  beforeEach(() => {
    const from = now();
    passed = 0;
    Date.now = () => from + passed * 1000;
  });
  afterEach(() => {
    Date.now = now;
  });
  const sendWithin = async (seconds: number, slow: (channel: Channel) => Slow): Promise<[Sealed, notes: string]> => {
    const channel = await app().visitor().handshake('X25519');
    const sent = slow(channel);
    const { reply, finish } = await begin(app(), channel, sent);
    passed += seconds;
    finish();
    return [sent.open(await reply), (await channel.request('GET', NOTES)).text];
  };

  it.each([
    ['a message', message],
    ['the head of a body in frames', (channel: Channel) => framed(channel)],
  ])('is accepted within 300 s, and stale after that: %s', async (_, slow) => {
    const [inTime, notes] = await sendWithin(LIMIT_SECONDS, slow);
    expect([inTime.status, notes]).toEqual([201, '["slow"]']);
    const [late, none] = await sendWithin(LIMIT_SECONDS + 1, slow);
    expect(JSON.parse(late.text)).toMatchObject({ type: 'urn:e2e:problem:message-stale', status: 400 });
    expect(none).toBe('[]');
  });

  it('is accepted until the time for uploads is over, if its head was long on its way too', async () => {
    const sent = (channel: Channel) => framed(channel, { iat: Math.floor(now() / 1000) - UPLOAD_SECONDS + 200 });
    const [inTime] = await sendWithin(190, sent);
    expect(inTime.status).toBe(201);
    const [late, none] = await sendWithin(230, sent);
    expect(JSON.parse(late.text)).toMatchObject({ type: 'urn:e2e:problem:message-stale', status: 400 });
    expect(none).toBe('[]');
  });
});

afterEach(() => void jest.useRealTimers());

onEachPlatform('A body that never comes', (platform) => {
  const app = useApp(platform, { controllers: [SessionController] });

  it.each<[string, (channel: Channel) => Slow, ProblemName, detail: string | undefined]>([
    ['a message', message, 'message-rejected', undefined],
    ['the head of a body in frames', framed, 'message-rejected', undefined],
    ['a handshake', handshake, 'key-rejected', 'a handshake takes at most 300 seconds'],
  ])('is refused after 300 s, and its connection closed: %s', async (_, slow, problem, detail) => {
    const channel = await app().visitor().handshake('X25519');
    const pass = stopTimers();
    const { raw, reply } = await begin(app(), channel, slow(channel));
    let isAnswered = false;
    const noteAnswer = (): void => void (isAnswered = true);
    reply.then(noteAnswer, noteAnswer);
    pass(LIMIT_SECONDS * 1000 - 1);
    // A whole exchange later nothing was answered.
    expect((await app().visitor().send({ target: '/e2e/identity' })).status).toBe(200);
    expect(isAnswered).toBe(false);
    pass(1);
    expectPlainProblem(await reply, problem, detail);
    expect(raw.socket.destroyed).toBe(false);
    pass(LINGER_MS);
    await until(() => raw.socket.destroyed);
  });
});

describe('A body that never comes over HTTP/2', () => {
  const fastify = () => new FastifyAdapter({ http2: true } as never);
  const app = useApp('fastify', { controllers: [SessionController], fastify });

  it('is refused after 300 s, and its stream reset', async () => {
    const pass = stopTimers();
    const session = connect(app().url);
    try {
      const arrived = once(app().nest.getHttpServer() as Server, 'request') as Promise<[IncomingMessage]>;
      const stream: ClientHttp2Stream = session.request(
        { ':method': 'POST', ':path': NOTES, 'content-type': 'application/jose' },
        { endStream: false },
      );
      stream.write('eyJ');
      const [raw] = await arrived;
      await until(() => raw.listenerCount('readable') > 0);
      const answered = once(stream, 'response') as Promise<[{ ':status': number }]>;
      pass(LIMIT_SECONDS * 1000);
      const [{ ':status': status }] = await answered;
      expect([status, JSON.parse((await buffer(stream)).toString())]).toMatchObject([
        400,
        { type: 'urn:e2e:problem:message-rejected' },
      ]);
      pass(LINGER_MS);
      await until(() => stream.closed);
    } finally {
      session.destroy();
    }
  });
});
