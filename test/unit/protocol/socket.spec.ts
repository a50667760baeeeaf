import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { streamKey } from '../../../src/channel/frames.js';
import { SocketOpener, SocketSealer } from '../../../src/channel/sockets.js';
import { SocketOpener as ClientOpener, SocketSealer as ClientSealer } from '../../../src/client/channel/sockets.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { WebEngine } from '../../../src/crypto/web.js';
import { FRAME_KIND, MAX_FRAMES, StreamError } from '../../../src/protocol/frames.js';
import {
  encodeSocketEnd,
  isSocketEndCode,
  MAX_SOCKET_BYTES,
  SOCKET_KIND,
  SocketMeter,
  SocketReader,
  type SocketEnd,
  type SocketMessage,
} from '../../../src/protocol/socket.js';

const { binary, text, end } = SOCKET_KIND;
const webEngine = new WebEngine();
const BASE = nodeEngine.randomBytes(32);
const LIMIT = 1000;

type Sent = readonly [kind: typeof binary | typeof text, plaintext: Uint8Array] | SocketEnd;
type Read = readonly [messages: readonly string[], outcome: string];

/** One end of a socket: what it seals under the one head, and what it opens under the other. */
interface End {
  seal(messages: readonly Sent[], head?: string): Promise<Uint8Array[]>;
  fail(head?: string): Promise<Uint8Array>;
  /** Reads to the first error, or to the end of what came. */
  read(messages: readonly Uint8Array[], head?: string): Promise<Read>;
}

const ENDS: Record<string, End> = {
  server: endOf(
    (head) => new SocketSealer(nodeEngine, streamKey(nodeEngine, BASE, head)),
    (head) => new SocketOpener(nodeEngine, streamKey(nodeEngine, BASE, head), LIMIT),
  ),
  client: endOf(
    async (head) => new ClientSealer({ engine: webEngine, key: await webKey(head) }),
    async (head) => new ClientOpener({ engine: webEngine, key: await webKey(head) }, LIMIT),
  ),
};

async function webKey(head: string) {
  const salt = await webEngine.sha256(Buffer.from(head));
  return webEngine.importContentKey(await webEngine.hkdf(BASE, salt, Buffer.from('e2e/1 frames')));
}

type Awaitable<T> = T | Promise<T>;

function endOf(
  sealerOf: (head: string) => Awaitable<SocketSealer | ClientSealer>,
  openerOf: (head: string) => Awaitable<SocketOpener | ClientOpener>,
): End {
  return {
    async seal(messages, head = 'a head') {
      const sealer = await sealerOf(head);
      // All at once, as an application sends: their order is that of the calls.
      return Promise.all(
        messages.map(async (sent) => ('reason' in sent ? sealer.end(sent) : sealer.seal(sent[0], sent[1]))),
      );
    },
    fail: async (head = 'a head') => (await sealerOf(head)).fail(),
    async read(messages, head = 'a head') {
      const opener = await openerOf(head);
      const seen: string[] = [];
      try {
        for (const message of messages) seen.push(shown(await opener.open(message)));
      } catch (error) {
        if (!(error instanceof StreamError)) throw error;
        return [seen, error.code];
      }
      return [seen, 'open'];
    },
  };
}

function shown(message: SocketMessage): string {
  if (message.kind === end) return `end ${message.code ?? ''} ${message.reason}`;
  if (message.kind === text) expect(Buffer.from(message.data).toString()).toBe(message.text);
  return `${message.kind} ${Buffer.from(message.data).toString('hex')}`;
}

const bytes = (value: string): Uint8Array => Buffer.from(value);
const SENT: readonly Sent[] = [
  [text, bytes('first')],
  [binary, bytes('')],
  [binary, Buffer.of(0, 255, 128)],
  [text, bytes('gr\u00fc\u00dfe \u{1f512}')],
  { code: 3001, reason: 'gr\u00fc\u00dfe' },
];
const SHOWN = [
  `3 ${Buffer.from('first').toString('hex')}`,
  '0 ',
  '0 00ff80',
  `3 ${Buffer.from('gr\u00fc\u00dfe \u{1f512}').toString('hex')}`,
  'end 3001 gr\u00fc\u00dfe',
];

describe.each([
  ['server', 'client'],
  ['client', 'server'],
] as const)('a socket in frames, from the %s to the %s', (from, to) => {
  const [sender, receiver] = [ENDS[from]!, ENDS[to]!];

  it('is read as it was sent', async () => {
    expect(await receiver.read(await sender.seal(SENT))).toEqual([SHOWN, 'open']);
    const messages = fc.array(
      fc.oneof(
        fc.tuple(fc.constant(binary), fc.uint8Array({ maxLength: LIMIT })),
        fc.tuple(
          fc.constant(text),
          fc.string({ unit: 'binary', maxLength: 200 }).map((value) => bytes(value)),
        ),
      ),
      { maxLength: 12 },
    );
    const property = fc.asyncProperty(messages, async (sent: readonly Sent[]) => {
      const [seen, outcome] = await receiver.read(await sender.seal(sent));
      const expected = sent.map((one) => ('reason' in one ? '' : `${one[0]} ${Buffer.from(one[1]).toString('hex')}`));
      expect([seen, outcome]).toEqual([expected, 'open']);
    });
    await fc.assert(property, { numRuns: 30 });
  });

  it('is broken with any one bit turned, and what was read before is a prefix', async () => {
    const sealed = await sender.seal(SENT);
    for (const [index, message] of sealed.entries()) {
      for (let bit = 0; bit < message.length * 8; bit++) {
        const changed = sealed.map((each) => Buffer.from(each));
        changed[index]![bit >> 3]! ^= 1 << (bit & 7);
        expect([index, bit, await receiver.read(changed)]).toEqual([
          index,
          bit,
          [SHOWN.slice(0, index), 'stream-broken'],
        ]);
      }
    }
  });

  it('is broken where a message was cut, at any byte, or is longer', async () => {
    const sealed = await sender.seal(SENT);
    for (const [index, message] of sealed.entries()) {
      const cuts = [...message.keys()].map((length) => message.subarray(0, length));
      for (const changed of [...cuts, Buffer.concat([message, Buffer.of(0)])]) {
        const read = await receiver.read([...sealed.slice(0, index), changed]);
        expect([index, changed.length, read]).toEqual([
          index,
          changed.length,
          [SHOWN.slice(0, index), 'stream-broken'],
        ]);
      }
    }
  });

  it('is broken in every other order, with one twice, and without one', async () => {
    const sealed = await sender.seal(SENT);
    const indexes = [...sealed.keys()];
    const order = fc.array(fc.integer({ min: 0, max: SENT.length - 1 }), { minLength: 1, maxLength: SENT.length + 2 });
    const property = fc.asyncProperty(order, async (given) => {
      const right = given.findIndex((index, at) => index !== at);
      const [seen, outcome] = await receiver.read(given.map((index) => sealed[index]!));
      expect(seen).toEqual(SHOWN.slice(0, right < 0 ? given.length : right));
      expect(outcome).toBe(right < 0 ? 'open' : 'stream-broken');
    });
    await fc.assert(property, { numRuns: 60, examples: [[indexes], [[...indexes, 4]], [[0, 0]], [[1]]] });
  });

  it('is broken with a message of the other direction, or of another socket', async () => {
    const other = await sender.seal(SENT, 'another head');
    expect(await receiver.read(other)).toEqual([[], 'stream-broken']);
  });

  it('is broken with a text, or a reason, that is not UTF-8', async () => {
    for (const wrong of [Buffer.of(0xff), Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xc3)]) {
      expect(await receiver.read(await sender.seal([[text, wrong]]))).toEqual([[], 'stream-broken']);
    }
  });

  it('is broken with a message over the limit, and takes one that is just as long', async () => {
    const just: Sent = [binary, new Uint8Array(LIMIT)];
    expect((await receiver.read(await sender.seal([just])))[1]).toBe('open');
    expect(await receiver.read(await sender.seal([[binary, new Uint8Array(LIMIT + 1)]]))).toEqual([
      [],
      'stream-broken',
    ]);
  });

  it('has failed where its sender gave up', async () => {
    expect(await receiver.read([await sender.fail()])).toEqual([[], 'stream-failed']);
  });

  it('has nothing after its end', async () => {
    await expect(sender.seal([{ reason: '' }, [text, bytes('more')]])).rejects.toThrow(RangeError);
    await expect(sender.seal([{ reason: '' }, { reason: '' }])).rejects.toThrow(RangeError);
  });

  it('ends with the codes that an end may have, and with no others', async () => {
    for (const code of [1000, 1001, 1003, 1007, 1014, 3000, 4401, 4999]) {
      expect(await receiver.read(await sender.seal([{ code, reason: '' }]))).toEqual([[`end ${code} `], 'open']);
    }
    for (const code of [0, 999, 1002, 1004, 1005, 1006, 1015, 1999, 2999, 5000, 65536, 1000.5, NaN]) {
      await expect(sender.seal([{ code, reason: '' }])).rejects.toThrow(RangeError);
    }
    expect(await receiver.read(await sender.seal([{ reason: '' }]))).toEqual([['end  '], 'open']);
    await expect(sender.seal([{ reason: 'without a code' }])).rejects.toThrow(RangeError);
    await expect(sender.seal([{ code: 1000, reason: '\u00fc'.repeat(62) }])).rejects.toThrow(RangeError);
    expect((await receiver.read(await sender.seal([{ code: 1000, reason: `${'\u00fc'.repeat(61)}x` }])))[1]).toBe(
      'open',
    );
  });
});

describe('the reader of a direction', () => {
  const { failed } = SOCKET_KIND;

  it('takes no end that no end may be', () => {
    const ends = [
      Buffer.of(1),
      Buffer.of(3, 234), // 1002
      Buffer.of(3, 237), // 1005
      Buffer.of(3, 232, 0xff),
      Buffer.concat([Buffer.of(3, 232), Buffer.alloc(124, 'x')]),
    ];
    for (const plaintext of ends) expect(() => new SocketReader().accept(end, plaintext)).toThrow(StreamError);
    expect(() => new SocketReader().accept(failed, Buffer.of(0))).toThrow(
      expect.objectContaining({ code: 'stream-broken' }),
    );
  });

  it('knows the kinds of a socket, which are not those of a stream', () => {
    expect(SOCKET_KIND).toEqual({ binary: 0, end: 1, failed: 2, text: 3 });
    expect([FRAME_KIND.last, FRAME_KIND.failed]).toEqual([SOCKET_KIND.end, SOCKET_KIND.failed]);
    const message = Buffer.alloc(17);
    for (let kind = 0; kind < 256; kind++) {
      message[0] = kind;
      const read = () => new SocketReader().read(message);
      if (kind < 4) expect(read().kind).toBe(kind);
      else expect(read).toThrow(StreamError);
    }
  });

  it('takes 2^24 messages, the end among them, and 2^40 bytes', () => {
    const meter = new SocketMeter();
    for (let count = 0; count < MAX_FRAMES - 1; count++) meter.note(0);
    expect(meter.hasRoomFor(0)).toBe(false);
    const bytesMeter = new SocketMeter();
    bytesMeter.note(MAX_SOCKET_BYTES - 1);
    expect([1, 2].map((length) => bytesMeter.hasRoomFor(length))).toEqual([true, false]);
  });

  it('says which codes may stand in an end', () => {
    const codes = Array.from({ length: 70_000 }, (_, code) => code).filter(isSocketEndCode);
    expect(codes.filter((code) => code < 3000)).toEqual([
      1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ]);
    expect([codes.find((code) => code >= 2000), codes.at(-1)]).toEqual([3000, 4999]);
    expect(encodeSocketEnd({ reason: '' })).toHaveLength(0);
  });
});
