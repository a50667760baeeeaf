import { expect } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { STATEMENT } from '../support/bank.js';
import { refusalOf, type Lab } from '../support/harness.js';
import type { Answer, Delivery } from '../support/proxy.js';
import type { Row } from './row.js';

const WHOLE = STATEMENT.join('');

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
  lab: Lab,
  change: (body: string) => Iterable<string>,
  code = 'stream-broken',
  more: Partial<Answer> = {},
): Promise<void> {
  const client = lab.client();
  for (let index = 0, count = 1; index <= count; index++) {
    lab.on('/bank/statement', async (request, forward) => {
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

async function download(lab: Lab, change: (answer: Answer) => Answer): Promise<string> {
  lab.on('/bank/statement', async (request, forward) => change(await forward(request)));
  const response = await lab.client().fetch('/bank/statement');
  return response.text();
}

const DELIVERIES: readonly Delivery[] = [{}, { pieceSize: 1 }, { pieceSize: 7 }, { pieceSize: 100 }];

export const downloadRows: readonly Row[] = [
  {
    attack: 'ends an answer in frames early, and cleanly: between two frames, or inside of one',
    outcome: '`stream-broken` wherever it is read; it never looks complete',
    run: (lab) => broken(lab, cuts),
  },
  {
    attack: 'cuts its connection there',
    outcome: '`stream-broken`',
    run: (lab) => broken(lab, cuts, 'stream-broken', { delivery: { isCut: true } }),
  },
  {
    attack: 'drops a frame of an answer, sends one twice, or swaps two',
    outcome: '`stream-broken`; what was read before is genuine, and a prefix',
    run: (lab) => broken(lab, rearranged),
  },
  {
    attack: 'flips a bit in a frame of an answer: in its kind, its length, its content, its tag',
    outcome: '`stream-broken`',
    run: (lab) => broken(lab, flipped),
  },
  {
    attack: 'puts something after the last frame of an answer: a byte, a frame, the whole stream again',
    outcome: '`stream-broken`',
    run: (lab) => broken(lab, (body) => [`${body}\0`, body + split(body).at(-1)!, body + body]),
  },
  {
    attack: 'puts frames of another answer behind the head of an answer',
    outcome: '`stream-broken`',
    run: async (lab) => {
      await download(lab, (answer) => answer);
      const other = lab.proxy.seen.at(-1)!.answer!.body;
      await broken(lab, (body) => spliced(body, other));
    },
  },
  {
    attack: 'flips a bit in the head of an answer, cuts it, lets it never end, or sends the head alone as a message',
    outcome: '`answer-rejected`; nothing of the body is read',
    run: async (lab) => {
      const heads = (body: string): string[] => {
        const [head] = split(body);
        return [
          ...[0, 50, 150, head.length - 2, head.length - 1].map((at) => flipBit(body, at)),
          head.slice(0, -1),
          '',
        ];
      };
      await broken(lab, (body) => [...heads(body), `${'a'.repeat(40_000)}\n${body}`], 'answer-rejected');
      const asMessage = { headers: { 'content-type': 'application/jose' } };
      await broken(lab, (body) => [body, split(body)[0].trimEnd()], 'answer-rejected', asMessage);
    },
  },
  {
    attack: 'answers a request with the stream that answers another one, or swaps the heads of two',
    outcome: '`answer-rejected`',
    run: async (lab) => {
      const client = lab.client();
      await (await client.fetch('/bank/statement')).text();
      const other = lab.proxy.seen.at(-1)!.answer!.body;
      lab.on('/bank/statement', async (request, forward) => {
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
    outcome: '`plain-answer`: it is no sealed answer then, and never data',
    run: async (lab) => {
      for (const type of [undefined, 'application/octet-stream', 'text/plain', 'text/event-stream']) {
        const answered = download(lab, ({ headers, ...answer }) => ({
          ...answer,
          headers: { ...headers, 'content-type': type },
        }));
        expect([type, await refusalOf(answered)]).toMatchObject([type, { code: 'plain-answer' }]);
      }
    },
  },
  {
    attack: 'buffers an answer in frames, delays it, cuts it into other pieces, or compresses it as HTTP allows',
    outcome: '**succeeds**, as any proxy can: the answer is whole and right',
    run: async (lab) => {
      for (const delivery of DELIVERIES) expect(await download(lab, (answer) => ({ ...answer, delivery }))).toBe(WHOLE);
      const zipped = ({ headers, body, ...answer }: Answer): Answer => ({
        ...answer,
        headers: { ...headers, 'content-encoding': 'gzip' },
        body: gzipSync(Buffer.from(body, 'latin1')).toString('latin1'),
      });
      expect(await download(lab, zipped)).toBe(WHOLE);
    },
  },
  {
    attack: 'compresses it without saying so',
    outcome: '`answer-rejected`',
    run: (lab) => broken(lab, (body) => [gzipSync(Buffer.from(body, 'latin1')).toString('latin1')], 'answer-rejected'),
  },
];
