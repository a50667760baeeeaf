import { expect, it } from '@jest/globals';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { HeldBytes } from '../../../src/nest/request/held-bytes.js';
import { ResponseCapture } from '../../../src/nest/request/response-capture.js';

/** What a client reads of an answer that is collected before it leaves; `undefined` where its connection is cut. */
async function answerOf(handler: (response: ServerResponse) => void): Promise<string | undefined> {
  const server = createServer((_, response) => {
    const capture = new ResponseCapture(response, {
      transform: ({ isPartial, status, body }) => (isPartial ? undefined : { status, headers: {}, body }),
      maxCollected: 1000,
      mayPause: () => true,
      held: new HeldBytes(1000),
      onStream: () => undefined,
      timeout: 1000,
      isSealed: () => false,
      onBreak: () => undefined,
    });
    capture.take(capture.transform);
    handler(response);
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return await response.text();
  } catch {
    return undefined;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it('does not take a collected answer for whole whose source failed', async () => {
  const answer = await answerOf((response) => {
    const source = new PassThrough();
    source.on('error', () => response.end());
    source.pipe(response);
    source.write('first', () => setImmediate(() => source.destroy(new Error('gone'))));
  });
  expect(answer).toBeUndefined();
});

it('keeps what was written, though its buffer is used again', async () => {
  const answer = await answerOf((response) => {
    const buffer = Buffer.from('first ');
    response.write(buffer, () => response.end(buffer.fill('second')));
  });
  expect(answer).toBe('first second');
});

it.each([
  ['more', 6, 'first'],
  ['fewer', 4, 'first'],
])('cuts a collected answer off that said to have %s bytes', async (_, length, text) => {
  const answer = await answerOf((response) => {
    response.setHeader('Content-Length', length);
    response.write(text);
    response.end();
  });
  expect(answer).toBeUndefined();
});

it('leaves a collected error as it is, whatever length the answer said that it stands for', async () => {
  const answer = await answerOf((response) => {
    response.setHeader('Content-Length', 100);
    response.write('');
    response.statusCode = 500;
    response.end('error');
  });
  expect(answer).toBe('error');
});
