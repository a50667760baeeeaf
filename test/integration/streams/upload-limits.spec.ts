import { expect, it } from '@jest/globals';
import { Controller, Post, Req } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { sendUpload, upload } from './support/frames.js';

async function count(request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
  let bytes = 0;
  for await (const chunk of request.raw ?? request) bytes += (chunk as Buffer).length;
  return { bytes };
}

@Encrypted({ maxStreamSize: 100_000 })
@Controller()
class LimitedController {
  @Post('class')
  ofClass(@Req() request: IncomingMessage): Promise<object> {
    return count(request);
  }
  @Post('less')
  @Encrypted({ maxStreamSize: 1000 })
  less(@Req() request: IncomingMessage): Promise<object> {
    return count(request);
  }
  @Post('more')
  @Encrypted({ maxStreamSize: 1_000_000 })
  more(@Req() request: IncomingMessage): Promise<object> {
    return count(request);
  }
  @Post('default')
  @Encrypted()
  byDefault(@Req() request: IncomingMessage): Promise<object> {
    return count(request);
  }
}

interface FastifyParsers {
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (e: null) => void) => void,
  ): void;
}

/** To `/less`, the whole body arrives before the route is known; to the others, the most of it later. */
function whenArrived(request: IncomingMessage, response: unknown, next: () => void): void {
  if (request.complete || request.url !== '/less') next();
  else setImmediate(whenArrived, request, response, next);
}

onEachPlatform('An upload has the limit of its route', (platform) => {
  const app = useApp(platform, {
    controllers: [LimitedController],
    e2e: { maxStreamSize: 300_000 },
    configure: (nest) => {
      if (platform === 'express') {
        nest.use(whenArrived);
        return;
      }
      const instance = nest.getHttpAdapter().getInstance() as FastifyParsers;
      instance.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
    },
  });

  it.each([
    ['less', 900, 201],
    ['less', 1000, 413],
    ['class', 99_000, 201],
    ['class', 100_000, 413],
    ['default', 290_000, 201],
    ['default', 300_000, 413],
    ['more', 990_000, 201],
    ['more', 1_000_000, 413],
  ])('%s: %i bytes are a %i', async (path, length, status) => {
    const channel = await app().visitor().handshake('X25519');
    const bytes = Buffer.alloc(length);
    const pieces = Array.from({ length: Math.ceil(length / 65_536) }, (_, at) =>
      bytes.subarray(at * 65_536, (at + 1) * 65_536),
    );
    const answer = await sendUpload(channel, upload(channel, `/${path}`, 'application/x-upload', pieces));
    expect([answer.status, status === 201 ? answer.text : '']).toEqual([
      status,
      status === 201 ? `{"bytes":${length}}` : '',
    ]);
  });

  it.each([0, -1, 1.5, '1000', NaN])('and takes no %p for one', (maxStreamSize) => {
    expect(() => Encrypted({ maxStreamSize: maxStreamSize as number })).toThrow('must be a positive integer');
  });
});
