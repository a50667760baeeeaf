import { describe, expect, it } from '@jest/globals';
import { FRAME_KIND } from '../../../src/protocol/frames.js';
import type { Arrival, Interfere } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();
const STREAM = { 'content-type': 'application/vnd.e2e.stream' };
const { more, last, failed } = FRAME_KIND;

type Frame = readonly [kind: 0 | 1 | 2, text: string];
type Seal = Parameters<Interfere>[2];

const GREETING: readonly Frame[] = [
  [more, 'Hello, '],
  [more, 'world'],
  [last, '!'],
];

/** The bytes of an honest stream: its head with the line feed, and each frame. */
function sealStream(arrival: Arrival, seal: Seal, frames: readonly Frame[], header: object = {}): Buffer[] {
  const head = seal({}, { cty: 'text/plain', frames: 'body', ...header });
  const sealer = arrival.sealFrames(head);
  return [Buffer.from(`${head}\n`), ...frames.map(([kind, text]) => sealer.seal(kind, Buffer.from(text)))];
}

/** Answers every call with a stream, after `change`. */
function answerWith(
  frames: readonly Frame[],
  { header, change = (parts) => parts }: { header?: object; change?: (parts: Buffer[]) => Buffer[] } = {},
): void {
  setup.server.interfere = (response, arrival, seal) => {
    response.writeHead(200, STREAM);
    response.end(Buffer.concat(change(sealStream(arrival, seal, frames, header))));
    return true;
  };
}

describe('an answer in frames', () => {
  it.each(['P-256', 'X25519', 'RSA'] as const)('is a Response like any other: %s', async (keyKind) => {
    answerWith(GREETING, { header: { length: 13 } });
    const client = setup.client({ keyKind });
    const response = await client.fetch('/x');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain');
    expect(response.headers.get('content-length')).toBe('13');
    const clone = response.clone();
    expect(await response.text()).toBe('Hello, world!');
    expect(await clone.text()).toBe('Hello, world!');
    expect(Buffer.from(await (await client.fetch('/x')).arrayBuffer()).toString()).toBe('Hello, world!');
    expect(await (await (await client.fetch('/x')).blob()).text()).toBe('Hello, world!');
    const pieces: string[] = [];
    const { body } = await client.fetch('/x');
    for await (const piece of body as unknown as AsyncIterable<Uint8Array>) pieces.push(Buffer.from(piece).toString());
    expect(pieces).toEqual(['Hello, ', 'world', '!']);
  });

  it('is handed over with its head, and each frame as it comes', async () => {
    const gates: (() => void)[] = [];
    setup.server.interfere = async (response, arrival, seal) => {
      response.writeHead(200, STREAM);
      for (const part of sealStream(arrival, seal, GREETING)) {
        response.write(part);
        await new Promise<void>((resolve) => gates.push(resolve));
      }
      response.end();
      return true;
    };
    const { body } = await setup.client().fetch('/x');
    const reader = body!.getReader();
    for (const [, text] of GREETING) {
      gates.shift()!();
      expect(Buffer.from((await reader.read()).value!).toString()).toBe(text);
    }
    while (gates.length === 0) await new Promise((resolve) => setImmediate(resolve));
    gates.shift()!();
    expect((await reader.read()).done).toBe(true);
  });

  it('may be empty, and longer than maxResponseSize where its caller reads it', async () => {
    answerWith([[last, '']]);
    expect(await (await setup.client().fetch('/x')).text()).toBe('');
    answerWith([...Array.from({ length: 40 }, (): Frame => [more, 'a'.repeat(65_536)]), [last, 'b']]);
    expect((await (await setup.client({ maxResponseSize: 1000 }).fetch('/x')).text()).length).toBe(40 * 65_536 + 1);
  });

  it('ends with its caller’s signal, and with its caller’s cancel', async () => {
    const closed: Promise<unknown>[] = [];
    setup.server.interfere = (response, arrival, seal) => {
      response.writeHead(200, STREAM);
      closed.push(new Promise((resolve) => response.once('close', resolve)));
      response.write(Buffer.concat(sealStream(arrival, seal, [[more, 'a']])));
      return true;
    };
    const controller = new AbortController();
    const { body } = await setup.client().fetch('/x', { signal: controller.signal });
    const reader = body!.getReader();
    expect((await reader.read()).done).toBe(false);
    controller.abort();
    await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' });
    const other = await setup.client().fetch('/x');
    await other.body!.cancel();
    await Promise.all(closed);
  });
});

describe('an answer in frames that does not end as it must never looks complete', () => {
  const broken = 'stream-broken';

  it.each<[string, string, readonly Frame[], Parameters<typeof answerWith>[1]]>([
    ['the sender gave up', 'stream-failed', [GREETING[0]!, [failed, '']], {}],
    ['no last frame', broken, GREETING.slice(0, 2), {}],
    ['no frame at all', broken, [], {}],
    ['a frame after the last', broken, [...GREETING, [more, 'x']], {}],
    ['bytes after the last', broken, GREETING, { change: (parts) => [...parts, Buffer.from([0])] }],
    ['a frame twice', broken, GREETING, { change: ([head, a, ...rest]) => [head!, a!, a!, ...rest] }],
    ['two frames swapped', broken, GREETING, { change: ([head, a, b, ...rest]) => [head!, b!, a!, ...rest] }],
    ['a frame left out', broken, GREETING, { change: ([head, , ...rest]) => [head!, ...rest] }],
    [
      'an unknown kind',
      broken,
      GREETING,
      { change: ([head, ...rest]) => [head!, Buffer.from([3, 0, 0, 16]), ...rest] },
    ],
    ['less than its length', broken, GREETING, { header: { length: 14 } }],
    ['more than its length', broken, GREETING, { header: { length: 12 } }],
  ])('%s', async (_, code, frames, how) => {
    answerWith(frames, how);
    const response = await setup.client().fetch('/x');
    expect((await errorOf(response.text())).code).toBe(code);
  });

  it('cut at every byte, or with any bit of a byte flipped', async () => {
    const client = setup.client();
    await client.handshake();
    let size = 0;
    answerWith(GREETING, { change: (parts) => ((size = Buffer.concat(parts).length), parts) });
    await (await client.fetch('/x')).text();
    for (let at = 0; at < size; at++) {
      for (const change of [
        (whole: Buffer) => whole.subarray(0, at),
        (whole: Buffer) => (whole.writeUInt8(whole.readUInt8(at) ^ (1 << (at % 8)), at), whole),
      ]) {
        answerWith(GREETING, { change: (parts) => [change(Buffer.concat(parts))] });
        const error = await errorOf(client.fetch('/x').then((response) => response.text()));
        expect(['answer-rejected', broken, 'stream-failed']).toContain(error.code);
      }
    }
  });

  it('cut by the connection', async () => {
    setup.server.interfere = (response, arrival, seal) => {
      response.writeHead(200, STREAM);
      response.write(Buffer.concat(sealStream(arrival, seal, GREETING.slice(0, 2))), () => response.destroy());
      return true;
    };
    const response = await setup.client().fetch('/x');
    expect((await errorOf(response.text())).code).toBe(broken);
  });

  it('spliced from the answer to another request', async () => {
    const client = setup.client();
    const kept: Buffer[][] = [];
    answerWith(GREETING, { change: (parts) => (kept.push(parts), parts) });
    await (await client.fetch('/x')).text();
    answerWith(GREETING, { change: ([head]) => [head!, ...kept[0]!.slice(1)] });
    expect((await errorOf((await client.fetch('/x')).text())).code).toBe(broken);
    answerWith(GREETING, { change: () => kept[0]! });
    expect((await errorOf(client.fetch('/x'))).code).toBe('answer-rejected');
  });

  it('a head as a message, and a message as a head', async () => {
    setup.server.interfere = (response, arrival, seal) => {
      const [head] = sealStream(arrival, seal, []);
      response.writeHead(200, { 'content-type': 'application/jose' }).end(head!.subarray(0, -1));
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x'))).code).toBe('answer-rejected');
    setup.server.interfere = (response, _, seal) => {
      response.writeHead(200, STREAM).end(`${seal({ body: '1' })}\n`);
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x'))).code).toBe('answer-rejected');
  });

  it('a head that is too long, or never ends', async () => {
    setup.server.interfere = (response) => {
      response.writeHead(200, STREAM);
      response.end('a'.repeat(40_000));
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x'))).code).toBe('answer-rejected');
    setup.server.interfere = (response) => {
      response.writeHead(200, STREAM);
      response.write('a'.repeat(40_000));
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x'))).code).toBe('answer-rejected');
  });
});
