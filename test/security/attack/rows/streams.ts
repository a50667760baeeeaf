import { expect } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { STATEMENT } from '../support/bank.js';
import { refusalOf, type Harness } from '../support/harness.js';
import type { PassingResponse, Delivery, Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const STREAM = 'application/vnd.e2e.stream';
const WHOLE = STATEMENT.join('');
const DEPOSITS = ['date,amount\n', '1,100\n', '2,200\n'];

/** The head of a stream with its line feed, and each of its frames, as they stand on the wire. */
function split(body: string): [head: string, ...frames: string[]] {
  const parts: [string, ...string[]] = [body.slice(0, body.indexOf('\n') + 1)];
  for (let at = parts[0].length; at < body.length;) {
    const size = 4 + (body.charCodeAt(at + 1) << 16) + (body.charCodeAt(at + 2) << 8) + body.charCodeAt(at + 3);
    parts.push(body.slice(at, at + size));
    at += size;
  }
  return parts;
}

const flipBit = (text: string, at: number): string =>
  text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);

/** Every place where a stream can be cut: behind each part of it, and inside the next one. */
function* cuts(body: string): Generator<string> {
  let end = 0;
  for (const part of split(body)) {
    if (end > 0) for (const at of [end, end + 1, end + 4, end + 10, end + part.length - 1]) yield body.slice(0, at);
    end += part.length;
  }
}

/** What a proxy can do with frames that it cannot open: each leaves the head as it is. */
function* rearranged(body: string): Generator<string> {
  const [head, ...frames] = split(body);
  for (let index = 0; index < frames.length; index++) {
    yield [head, ...frames.slice(0, index), ...frames.slice(index + 1)].join('');
    yield [head, ...frames.slice(0, index + 1), ...frames.slice(index)].join('');
    if (index > 0) {
      const [before, here] = [frames[index - 1]!, frames[index]!];
      yield [head, ...frames.slice(0, index - 1), here, before, ...frames.slice(index + 1)].join('');
    }
  }
}

function* flipped(body: string): Generator<string> {
  let at = 0;
  for (const part of split(body)) {
    if (at > 0) for (const offset of [0, 1, 3, 4, part.length - 1]) yield flipBit(body, at + offset);
    at += part.length;
  }
}

/** Frames of one stream behind the head of another: from the first, from the second, and the last alone. */
function* spliced(body: string, other: string): Generator<string> {
  const [head, ...own] = split(body);
  const [, ...foreign] = split(other);
  for (let kept = 0; kept < own.length; kept++) yield [head, ...own.slice(0, kept), ...foreign.slice(kept)].join('');
  yield [head, ...own.slice(0, -1), foreign.at(-1)].join('');
}

/** Each of these bodies in the answer's place ends in this code at the client; untouched, it is whole. */
async function broken(
  harness: Harness,
  change: (body: string) => Iterable<string>,
  code = 'stream-broken',
  more: Partial<PassingResponse> = {},
): Promise<void> {
  const client = harness.client();
  for (let index = 0, count = 1; index <= count; index++) {
    harness.on('/bank/statement', async (request, forward) => {
      const answer = await forward(request);
      const bodies = [...change(answer.body)];
      count = bodies.length;
      const body = bodies[index];
      return body === undefined ? answer : { ...answer, ...more, body };
    });
    let read = '';
    const outcome = await client
      .fetch('/bank/statement')
      .then(async ({ body }) => {
        for await (const piece of body as unknown as AsyncIterable<Uint8Array>) read += Buffer.from(piece).toString();
        return 'whole';
      })
      .catch((error: unknown) => (error as { code?: string }).code ?? error);
    expect([index, outcome]).toEqual([index, index < count ? code : 'whole']);
    expect(WHOLE.startsWith(read)).toBe(true);
  }
}

async function download(harness: Harness, change: (answer: PassingResponse) => PassingResponse): Promise<string> {
  harness.on('/bank/statement', async (request, forward) => change(await forward(request)));
  const response = await harness.client().fetch('/bank/statement');
  return response.text();
}

/** An upload whose pieces are a frame each. */
function upload(harness: Harness, pieces: readonly string[] = DEPOSITS): Promise<Response> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(Buffer.from(piece));
      controller.close();
    },
  });
  return harness.client().fetch('/bank/files', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body,
    duplex: 'half',
  } as RequestInit);
}

/** Each of these bodies in the upload's place is refused, and no handler gets it as complete. */
async function brokenUpload(
  harness: Harness,
  change: (body: string) => Iterable<string>,
  refusal: { code: string; problem: string },
): Promise<void> {
  for (let index = 0, count = 1; index <= count; index++) {
    harness.on('/bank/files', async (request, forward) => {
      const bodies = [...change(request.body)];
      count = bodies.length;
      const body = bodies[index];
      return forward(body === undefined ? request : { ...request, body });
    });
    const call = upload(harness);
    if (index < count) expect([index, await refusalOf(call)]).toMatchObject([index, refusal]);
    else expect((await call).status).toBe(201);
  }
  expect(harness.calls.filter(({ route }) => route === 'kept').map(({ body }) => body)).toEqual([DEPOSITS.join('')]);
}

const BROKEN = { code: 'refused', problem: 'stream-broken' };
const REJECTED = { code: 'plain-answer', problem: 'message-rejected' };
const DELIVERIES: readonly Delivery[] = [{}, { pieceSize: 1 }, { pieceSize: 7 }, { pieceSize: 100 }];

export const downloadRows: readonly Row[] = [
  {
    attack: 'ends an answer in frames early, and cleanly: between two frames, or inside of one',
    outcome: '`stream-broken` for every way to read it; it never looks complete',
    run: (harness) => broken(harness, cuts),
  },
  {
    attack: 'cuts its connection there',
    outcome: '`stream-broken`',
    run: (harness) => broken(harness, cuts, 'stream-broken', { delivery: { isCut: true } }),
  },
  {
    attack: 'drops a frame of an answer, sends one twice, or swaps two',
    outcome: '`stream-broken`; what was read before is genuine, and a prefix',
    run: (harness) => broken(harness, rearranged),
  },
  {
    attack: 'flips a bit in a frame of an answer: in its kind, its length, its content, its tag',
    outcome: '`stream-broken`',
    run: (harness) => broken(harness, flipped),
  },
  {
    attack: 'puts something after the last frame of an answer: a byte, a frame, the whole stream again',
    outcome: '`stream-broken`',
    run: (harness) => broken(harness, (body) => [`${body}\0`, body + split(body).at(-1)!, body + body]),
  },
  {
    attack: 'puts frames of another answer, or of an upload, behind the head of an answer',
    outcome: '`stream-broken`',
    run: async (harness) => {
      await download(harness, (answer) => answer);
      const other = harness.proxy.seen.at(-1)!.answer!.body;
      await broken(harness, (body) => spliced(body, other));
      harness.proxy.rule = undefined;
      await upload(harness);
      const sent = harness.proxy.last('/bank/files').body;
      await broken(harness, (body) => spliced(body, sent));
    },
  },
  {
    attack: 'flips a bit in the head of an answer, cuts it, lets it never end, or sends the head alone as a message',
    outcome: '`answer-rejected`; nothing of the body is read',
    run: async (harness) => {
      const heads = (body: string): string[] => {
        const [head] = split(body);
        return [
          ...[0, 50, 150, head.length - 2, head.length - 1].map((at) => flipBit(body, at)),
          head.slice(0, -1),
          '',
        ];
      };
      await broken(harness, (body) => [...heads(body), `${'a'.repeat(40_000)}\n${body}`], 'answer-rejected');
      const asMessage = { headers: { 'content-type': 'application/jose' } };
      await broken(harness, (body) => [body, split(body)[0].trimEnd()], 'answer-rejected', asMessage);
    },
  },
  {
    attack: 'answers a request with the stream that answers another one, or swaps the heads of two',
    outcome: '`answer-rejected`',
    run: async (harness) => {
      const client = harness.client();
      await (await client.fetch('/bank/statement')).text();
      const other = harness.proxy.seen.at(-1)!.answer!.body;
      harness.on('/bank/statement', async (request, forward) => {
        const answer = await forward(request);
        const [, ...frames] = split(answer.body);
        return { ...answer, body: request.headers['x-swap'] ? split(other)[0] + frames.join('') : other };
      });
      for (const headers of [undefined, { 'x-swap': '1' }]) {
        expect(await refusalOf(client.fetch('/bank/statement', { headers }))).toMatchObject({
          code: 'answer-rejected',
        });
      }
    },
  },
  {
    attack: 'strips the media type of an answer in frames, or puts another there',
    outcome: '`plain-answer`: it is not a sealed response then, and its data is discarded',
    run: async (harness) => {
      for (const type of [undefined, 'application/octet-stream', 'text/plain', 'text/event-stream']) {
        const answered = download(harness, ({ headers, ...answer }) => ({
          ...answer,
          headers: { ...headers, 'content-type': type },
        }));
        expect([type, await refusalOf(answered)]).toMatchObject([type, { code: 'plain-answer' }]);
      }
    },
  },
  {
    attack: 'buffers an answer in frames, delays it, cuts it into other pieces, or compresses it as HTTP allows',
    outcome: '**succeeds**: any proxy can do that, and the answer arrives whole and unchanged',
    run: async (harness) => {
      for (const delivery of DELIVERIES) {
        expect(await download(harness, (answer) => ({ ...answer, delivery }))).toBe(WHOLE);
      }
      const zipped = ({ headers, body, ...answer }: PassingResponse): PassingResponse => ({
        ...answer,
        headers: { ...headers, 'content-encoding': 'gzip' },
        body: gzipSync(Buffer.from(body, 'latin1')).toString('latin1'),
      });
      expect(await download(harness, zipped)).toBe(WHOLE);
    },
  },
  {
    attack: 'compresses it without saying so',
    outcome: '`answer-rejected`',
    run: (harness) =>
      broken(harness, (body) => [gzipSync(Buffer.from(body, 'latin1')).toString('latin1')], 'answer-rejected'),
  },
];

export const uploadRows: readonly Row[] = [
  {
    attack: 'ends an upload early, and cleanly: between two frames, or inside of one',
    outcome: '`stream-broken`, sealed; no handler gets it as complete',
    run: (harness) => brokenUpload(harness, cuts, BROKEN),
  },
  {
    attack: 'cuts its connection there',
    outcome: 'the handler that reads it gets an error, and never an end',
    run: async (harness) => {
      for (let index = 0, count = 1; index <= count; index++) {
        harness.on('/bank/files', async (request, forward) => {
          const bodies = [...cuts(request.body)];
          count = bodies.length;
          const body = bodies[index];
          if (body === undefined) return forward(request);
          return forward({ ...request, body, delivery: { isCut: true } }).catch(() => BAD_GATEWAY);
        });
        const call = upload(harness);
        if (index < count) expect([index, await refusalOf(call)]).toMatchObject([index, { code: 'plain-answer' }]);
        else expect((await call).status).toBe(201);
      }
      expect(harness.ran.filter((route) => route === 'kept')).toHaveLength(1);
    },
  },
  {
    attack: 'drops a frame of an upload, sends one twice, or swaps two',
    outcome: '`stream-broken`, sealed; no handler gets it as complete',
    run: (harness) => brokenUpload(harness, rearranged, BROKEN),
  },
  {
    attack: 'flips a bit in a frame of an upload: in its kind, its length, its content, its tag',
    outcome: '`stream-broken`, sealed; no handler gets it as complete',
    run: (harness) => brokenUpload(harness, flipped, BROKEN),
  },
  {
    attack: 'puts something after the last frame of an upload: a byte, a frame, the whole stream again',
    outcome: '`stream-broken`, sealed; no handler gets it as complete',
    run: (harness) => brokenUpload(harness, (body) => [`${body}\0`, body + split(body).at(-1)!, body + body], BROKEN),
  },
  {
    attack: 'puts frames of another upload, or of an answer, behind the head of an upload',
    outcome: '`stream-broken`, sealed; no handler gets it as complete',
    run: async (harness) => {
      await upload(harness, ['date,amount\n', '1,900\n', '2,900\n']);
      const other = harness.proxy.last('/bank/files').body;
      await download(harness, (answer) => answer);
      const answer = harness.proxy.seen.at(-1)!.answer!.body;
      harness.calls.length = 0;
      await brokenUpload(harness, (body) => [...spliced(body, other), ...spliced(body, answer)], BROKEN);
    },
  },
  {
    attack: 'flips a bit in the head of an upload, cuts it, lets it never end, or sends it as a message',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      const heads = (body: string): string[] => {
        const [head] = split(body);
        return [
          ...[0, head.length >> 1, head.length - 2].map((at) => flipBit(body, at)),
          head.slice(0, -1),
          `${'a'.repeat(40_000)}\n`,
        ];
      };
      await brokenUpload(harness, heads, REJECTED);
      harness.calls.length = 0;
      for (const body of [(all: string) => all, (all: string) => split(all)[0].trimEnd()]) {
        harness.on('/bank/files', (request, forward) =>
          forward({ ...withType('application/jose')(request), body: body(request.body) }),
        );
        expect(await refusalOf(upload(harness))).toMatchObject(REJECTED);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'sends an upload once more: whole, its head alone, or its head with the frames of another one',
    outcome: '`message-replayed`, sealed: its head was seen; the handler ran once',
    run: async (harness) => {
      await upload(harness, ['date,amount\n']);
      const other = split(harness.proxy.last('/bank/files').body).slice(1).join('');
      await upload(harness);
      const sent = harness.proxy.last('/bank/files');
      harness.calls.length = 0;
      const [head] = split(sent.body);
      for (const body of [sent.body, head, head + other]) {
        const copy = await harness.proxy.forward({ ...sent, body });
        expect([copy.status, copy.headers['content-type']]).toEqual([409, 'application/jose']);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'sends 40 copies of an upload at once',
    outcome: 'exactly one runs; all others are `message-replayed`',
    run: async (harness) => {
      harness.on('/bank/files', async (request, forward) => {
        const answers = await Promise.all(Array.from({ length: 40 }, () => forward(request)));
        expect(answers.filter(({ status }) => status === 409)).toHaveLength(39);
        return answers.find(({ status }) => status !== 409)!;
      });
      expect((await upload(harness)).status).toBe(201);
      expect(harness.ran).toEqual(['files', 'kept']);
    },
  },
  {
    attack: 'moves an upload to another route or method, or strips its media type',
    outcome: '`message-rejected`, or `message-required` where nothing says what it is; no handler runs',
    run: async (harness) => {
      const changes: [problem: string | undefined, change: (request: Passing) => Partial<Passing>][] = [
        ['message-rejected', () => ({ target: '/bank/transfer' })],
        ['message-rejected', () => ({ method: 'PUT', target: '/bank/limit' })],
        ['message-rejected', () => ({ target: '/bank/files?a=b' })],
        ['message-required', withType('text/csv')],
        // Fastify itself has nothing that reads a body without a media type.
        [harness.platform === 'express' ? 'message-required' : undefined, withType(undefined)],
      ];
      for (const [problem, change] of changes) {
        harness.on('/bank/files', (request, forward) => forward({ ...request, ...change(request) }));
        const refusal = await refusalOf(upload(harness));
        expect([String(change), refusal]).toMatchObject([String(change), { code: 'plain-answer', problem }]);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'buffers an upload, delays it, or cuts it into other pieces',
    outcome: '**succeeds**: any proxy can do that, and the handler runs once, on the whole body',
    run: async (harness) => {
      for (const delivery of DELIVERIES) {
        harness.calls.length = 0;
        harness.on('/bank/files', (request, forward) => forward({ ...request, delivery }));
        expect((await upload(harness)).status).toBe(201);
        expect(harness.ran).toEqual(['files', 'kept']);
        expect(harness.calls.at(-1)!.body).toBe(DEPOSITS.join(''));
      }
    },
  },
  {
    attack: 'compresses an upload, whether it says so or not',
    outcome: '`message-rejected`; no handler runs',
    run: async (harness) => {
      for (const encoding of [undefined, 'gzip']) {
        harness.on('/bank/files', ({ headers, body, ...request }, forward) =>
          forward({
            ...request,
            headers: { ...headers, 'content-encoding': encoding },
            body: gzipSync(Buffer.from(body, 'latin1')).toString('latin1'),
          }),
        );
        expect(await refusalOf(upload(harness))).toMatchObject(REJECTED);
      }
      expect(harness.ran).toEqual([]);
    },
  },
  {
    attack: 'answers an upload with the upload itself, or with the answer to another one',
    outcome: '`answer-rejected`',
    run: async (harness) => {
      await upload(harness);
      const { answer } = harness.proxy.seen.at(-1)!;
      harness.on('/bank/files', (request) => ({
        status: 201,
        headers: { 'content-type': STREAM },
        body: request.body,
      }));
      expect(await refusalOf(upload(harness))).toMatchObject({ code: 'answer-rejected' });
      harness.on('/bank/files', () => answer!);
      expect(await refusalOf(upload(harness))).toMatchObject({ code: 'answer-rejected' });
    },
  },
];

const BAD_GATEWAY: PassingResponse = { status: 502, headers: { 'content-type': 'text/plain' }, body: 'bad gateway' };

function withType(type: string | undefined): (request: Passing) => Passing {
  return ({ headers, ...request }) => ({ ...request, headers: { ...headers, 'content-type': type } });
}
