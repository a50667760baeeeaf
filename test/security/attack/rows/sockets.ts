import { isUtf8 } from 'node:buffer';
import { expect, jest } from '@jest/globals';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { letTimePass, stopTimers, until } from '../../../support/clock.js';
import { SECRET_BALANCE } from '../support/bank.js';
import type { Harness } from '../support/harness.js';
import type { PassingMessage, SocketMessage, Way } from '../support/passing-socket.js';
import { CANARIES, CLOSED, message, type SocketStack } from '../support/socket-stack.js';
import type { Row } from './row.js';

/** What goes on in place of this message; nothing where the attack has no use for it. */
type Change = (passing: PassingMessage) => Iterable<readonly SocketMessage[]> | undefined;

const WAYS: readonly Way[] = ['up', 'down'];
const NOTHING: readonly SocketMessage[] = [];
const text = (data: string): SocketMessage => ({ data: Buffer.from(data), isBinary: false });
const binary = (...data: Uint8Array[]): SocketMessage => ({ data: Buffer.concat(data), isBinary: true });
const problem = (name: string): string => JSON.stringify({ type: `urn:e2e:problem:${name}`, status: 400 });

function flipped({ data, isBinary }: SocketMessage, at: number): SocketMessage {
  const changed = Buffer.from(data);
  changed[at < 0 ? data.length + at : at]! ^= 1;
  return { data: changed, isBinary };
}

/** Sealed, as what the attacker saw of it shows nothing. */
function expectNothingInTheClear(harness: Harness): void {
  for (const secret of [...CANARIES, SECRET_BALANCE]) expect(harness.proxy.capture).not.toContain(secret);
}

/** A socket that was cut: 1006, as any WebSocket's client sees it. */
const CUT = '1006 ';
/** What a client sees of a message that does not open: the server cuts its socket, or it finds that by itself. */
const BROKEN = { up: CUT, down: 'stream-broken' } as const;

/** An undisturbed socket, with what its handlers and its application were given. */
async function honest(harness: Harness, stack: SocketStack) {
  harness.calls.length = 0;
  const { read, outcome } = await stack.visit(harness);
  expect([read.length, outcome]).toEqual([3, CLOSED]);
  const ran = harness.calls.splice(0);
  expect(ran).toHaveLength(3);
  return { read, ran, socket: harness.proxy.sockets.at(-1)! };
}

/**
 * Each message after the heads, both ways, changed in each of these ways: the socket breaks there, no handler runs for what
 * was changed or comes later, and the application is handed nothing but what was sent before.
 */
async function broken(harness: Harness, stack: SocketStack, change: Change): Promise<void> {
  const [first, last] = stack.burst;
  const { read, ran, socket } = await honest(harness, stack);
  let tried = 0;
  for (const way of WAYS) {
    for (let number = 1; number < socket.sent(way).length; number++) {
      for (let variant = 0, variants = 1; variant < variants; variant++) {
        let put: readonly SocketMessage[] = NOTHING;
        harness.proxy.messageRule = (passing) => {
          if (passing.way !== way || passing.number !== number) return [passing];
          const changed = [...(change(passing) ?? [])];
          variants = changed.length;
          put = changed[variant] ?? NOTHING;
          return changed[variant] ?? [passing];
        };
        const visit = await stack.visit(harness);
        harness.proxy.messageRule = undefined;
        const at = `${way} ${number}, ${variant}`;
        if (variants === 0) {
          expect([at, visit.outcome]).toEqual([at, CLOSED]);
          harness.calls.length = 0;
          continue;
        }
        tried++;
        // The client's own library cuts a text message that is not UTF-8.
        const isNoText = put.some(({ data, isBinary }) => !isBinary && !isUtf8(data));
        expect([at, visit.outcome]).toEqual([at, isNoText ? CUT : BROKEN[way]]);
        const before = Math.min(Math.max(number - first, 0), last - first + 1);
        if (way === 'up') expect([at, harness.calls.length <= before]).toEqual([at, true]);
        else expect([at, visit.read.length <= before]).toEqual([at, true]);
        expect(ran.slice(0, harness.calls.length)).toEqual(harness.calls);
        expect(read).toEqual(expect.arrayContaining([...visit.read]));
        harness.calls.length = 0;
      }
    }
  }
  expect(tried).toBeGreaterThan(0);
  expectNothingInTheClear(harness);
}

interface Raid {
  readonly read: readonly string[];
  readonly code: number | undefined;
}

/** A socket of the attacker's own, straight at the server; over when that closes it. */
async function raid(
  harness: Harness,
  target: string,
  { cookie, first }: { readonly cookie?: string | undefined; readonly first: SocketMessage },
): Promise<Raid> {
  const raw = new WebSocket(harness.url.replace('http', 'ws') + target, ['e2e.1'], {
    headers: cookie === undefined ? {} : { cookie },
  });
  const read: string[] = [];
  let code: number | undefined;
  raw.on('message', (data: Buffer) => {
    read.push(data.toString('latin1'));
    // A refusal is followed by its own close, which comes first. A socket that opened would stay.
    raw.close(1000);
  });
  raw.on('close', (given) => (code = given)).on('error', () => undefined);
  raw.on('open', () => raw.send(first.data, { binary: first.isBinary }));
  await until(() => code !== undefined);
  return { read, code };
}

/** A head that the server has not seen: it was taken from the victim's socket. */
async function heldHead(
  harness: Harness,
  stack: SocketStack,
): Promise<{ head: SocketMessage; cookie: string | undefined }> {
  let head: SocketMessage | undefined;
  harness.proxy.messageRule = (passing) => {
    head ??= { data: passing.data, isBinary: passing.isBinary };
    passing.socket.cut();
    return NOTHING;
  };
  expect((await stack.visit(harness)).outcome).toBe('plain-answer');
  harness.proxy.messageRule = undefined;
  return { head: head!, cookie: harness.proxy.sockets.at(-1)!.headers.cookie };
}

/** Answers upgrades in the server's place, and says this: where that is sealed, in answer to the head. */
function impostor(protocol: string | undefined, say: (socket: WebSocket) => unknown) {
  const server = new WebSocketServer({ noServer: true, handleProtocols: () => protocol ?? false });
  return (request: IncomingMessage, connection: Duplex, first: Buffer): void =>
    server.handleUpgrade(request, connection, first, (socket) => {
      const answer = (): void => {
        say(socket);
        socket.close(1000);
      };
      if (protocol === 'e2e.1') socket.once('message', answer);
      else answer();
    });
}

const isSealed = ({ read: [first = ''] }: Raid): boolean => /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]*\.[\w-]+$/.test(first);

/** What can be done with the messages of any library's sockets. */
export const messageRows = (stack: SocketStack): readonly Row[] => [
  {
    attack: 'flips a bit in a message of a socket, either way: in its kind, its content, its tag',
    outcome: 'breaks the socket: no handler runs for it, and nothing of it is read',
    run: (harness) =>
      broken(harness, stack, (passing) => [[flipped(passing, 0)], [flipped(passing, 1)], [flipped(passing, -1)]]),
  },
  {
    attack: 'gives a message of a socket another kind: text as bytes, the end, that its sender gave up, an unknown one',
    outcome: 'breaks the socket: it never looks like an orderly close',
    run: (harness) =>
      broken(harness, stack, ({ data }) =>
        [0, 1, 2, 3, 4, 255]
          .filter((kind) => kind !== data[0])
          .map((kind) => [binary(Buffer.of(kind), data.subarray(1))]),
      ),
  },
  {
    attack: 'sends a message of a socket twice, either way',
    outcome: 'breaks the socket at the second one, which no handler sees',
    run: async (harness) => {
      const [first, last] = stack.burst;
      await honest(harness, stack);
      for (const way of WAYS) {
        for (let number = first; number <= last; number++) {
          harness.proxy.messageRule = (passing) =>
            passing.way === way && passing.number === number ? [passing, passing] : [passing];
          const { read, outcome } = await stack.visit(harness);
          expect([way, number, outcome, new Set(read).size]).toEqual([way, number, BROKEN[way], read.length]);
          const ran = harness.calls.splice(0).map((call) => JSON.stringify(call));
          expect(new Set(ran).size).toBe(ran.length);
        }
      }
      expectNothingInTheClear(harness);
    },
  },
  {
    attack: 'leaves a message of a socket out, or swaps two, either way',
    outcome: 'breaks the socket: nothing is read or handled out of its order',
    run: async (harness) => {
      const [first, last] = stack.burst;
      for (const isSwap of [false, true]) {
        for (const way of WAYS) {
          for (let number = first; number < last; number++) {
            let held: readonly SocketMessage[] = NOTHING;
            harness.proxy.messageRule = (passing) => {
              if (passing.way !== way || ![number, number + 1].includes(passing.number)) return [passing];
              if (passing.number > number) return [passing, ...held];
              held = isSwap ? [passing] : NOTHING;
              return NOTHING;
            };
            const { read, outcome } = await stack.visit(harness);
            expect([isSwap, way, number, outcome]).toEqual([isSwap, way, number, BROKEN[way]]);
            const given = way === 'up' ? harness.calls.length : read.length;
            expect(given).toBeLessThanOrEqual(number - first);
            harness.calls.length = 0;
          }
        }
      }
      expectNothingInTheClear(harness);
    },
  },
  {
    attack: 'cuts a message of a socket short, makes it longer, or empties it',
    outcome: 'breaks the socket: no handler runs for it, and nothing of it is read',
    run: (harness) =>
      broken(harness, stack, ({ data }) =>
        [0, 1, 16, 17, data.length - 1]
          .filter((length) => length < data.length)
          .map((length) => [binary(data.subarray(0, length))])
          .concat([[binary(data, Buffer.of(0))]]),
      ),
  },
  {
    attack: 'puts something into a socket: text in the clear, the sealed message as text, bytes, more than its limit',
    outcome: 'breaks the socket: text after the head is never data',
    run: (harness) =>
      broken(harness, stack, (passing) => [
        [text(message('transfer', 'of the attacker')), passing],
        [text(message('balance', 'of the attacker')), passing],
        [{ data: passing.data, isBinary: false }],
        [binary(Buffer.from(message('transfer', 'of the attacker')))],
        ...(passing.way === 'up' && passing.number === 1 ? [[binary(Buffer.alloc(2 ** 21)), passing]] : []),
      ]),
  },
  {
    attack: 'puts messages of another socket in, of the same channel or of another, or of its other direction',
    outcome: 'breaks the socket',
    run: async (harness) => {
      const client = harness.client();
      await stack.visit(harness, client);
      await stack.visit(harness);
      const others = harness.proxy.sockets.slice();
      await broken(harness, stack, ({ way, number, socket }) =>
        [...others.map((other) => other.sent(way)[number]), socket.sent(way === 'up' ? 'down' : 'up').at(-1)]
          .filter((other) => other?.isBinary === true)
          .map((other) => [other!]),
      );
      const own = harness.proxy.sockets.length;
      harness.proxy.messageRule = (passing) => {
        const other = others[0]!.sent(passing.way)[passing.number];
        return passing.way === 'up' && passing.number === stack.burst[0] && other ? [other] : [passing];
      };
      expect((await stack.visit(harness, client)).outcome).toBe(BROKEN.up);
      expect(harness.proxy.sockets).toHaveLength(own + 1);
    },
  },
  {
    attack: 'cuts a socket, or closes it from outside with any code and a reason of its own',
    outcome: '1006: only a sealed close counts; the code and reason outside have no effect',
    run: async (harness) => {
      const [first, last] = stack.burst;
      const closes: [code?: number, reason?: string][] = [[], [1000, 'as if by the server'], [3000, 'bye'], [4401]];
      for (const way of WAYS) {
        for (let number = first; number <= last + 1; number++) {
          for (const close of [undefined, ...closes]) {
            harness.proxy.messageRule = (passing) => {
              if (passing.way !== way || passing.number !== number) return [passing];
              if (close) passing.socket.close(...close);
              else passing.socket.cut();
              return NOTHING;
            };
            expect([way, number, close, (await stack.visit(harness)).outcome]).toEqual([way, number, close, CUT]);
          }
        }
      }
    },
  },
  {
    attack: 'delays the messages of a socket, or sends them in fragments',
    outcome: '**succeeds**: any proxy can do that, and they arrive whole, in order and unchanged',
    run: async (harness) => {
      const { read, ran } = await honest(harness, stack);
      for (const fragmentSize of [1, 7]) {
        harness.proxy.messageRule = (passing) => {
          setImmediate(() => passing.socket.send(passing.way, { ...passing, fragmentSize }));
          return NOTHING;
        };
        expect(await stack.visit(harness)).toEqual({ read, outcome: CLOSED });
        expect(harness.calls.splice(0)).toEqual(ran);
      }
    },
  },
];

/** What can be done with the heads of any library's sockets, and without a head. */
export const headRows = (stack: SocketStack): readonly Row[] => [
  {
    attack:
      'opens a socket of its own with the cookie and a head that it saw, with any message that it saw, or once more',
    outcome: '`message-replayed`, sealed, and closed with 4409; no handler runs',
    run: async (harness) => {
      const { socket } = await honest(harness, stack);
      for (let copy = 0; copy < 3; copy++) {
        const { cookie } = socket.headers;
        const result = await raid(harness, stack.target, { cookie, first: socket.sent('up')[0]! });
        expect([result.code, isSealed(result), result.read.length]).toEqual([4409, true, 1]);
      }
      for (const first of [socket.sent('down')[0]!, socket.sent('up')[1]!, socket.sent('down')[1]!]) {
        const { code } = await raid(harness, stack.target, { cookie: socket.headers.cookie, first });
        expect(code).toBe(first.isBinary ? 4415 : 4400);
      }
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'withholds the head of a socket, and sends 20 copies of it at once on sockets of its own',
    outcome: 'exactly one opens, on which it can neither read nor say anything; all others are `message-replayed`',
    run: async (harness) => {
      const { head, cookie } = await heldHead(harness, stack);
      const raids = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const raw = new WebSocket(harness.url.replace('http', 'ws') + stack.target, ['e2e.1'], {
            headers: { cookie },
          });
          let code: number | undefined;
          const read: string[] = [];
          raw.on('open', () => raw.send(head.data, { binary: false }));
          raw.on('message', (data: Buffer) => {
            read.push(data.toString('latin1'));
            raw.send(Buffer.alloc(40));
          });
          raw.on('close', (given) => (code = given)).on('error', () => undefined);
          await until(() => code !== undefined);
          return { code, read };
        }),
      );
      expect(raids.filter(({ code }) => code === 4409)).toHaveLength(19);
      expect(raids.filter(({ code }) => code === 1006)).toHaveLength(1);
      expect(raids.every(isSealed)).toBe(true);
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'moves a head: to another path, another query, another session, to none, or holds it back for 301 seconds',
    outcome: '`message-rejected`, `handshake-required`, or a sealed `message-stale`; no handler runs',
    run: async (harness) => {
      const { head: first, cookie } = await heldHead(harness, stack);
      const own = harness.attacker();
      await own.handshake('X25519');
      const codes: unknown[] = [];
      for (const [target, as] of [
        [stack.otherTarget, cookie],
        [`${stack.target}?a=1`, cookie],
        [stack.target, String(own.jar)],
        [stack.target, undefined],
      ] as const) {
        const result = await raid(harness, target, { cookie: as, first });
        codes.push(result.code);
        expect(isSealed(result)).toBe(false);
      }
      expect(codes).toEqual([4400, 4400, 4428, 4428]);
      const undo = letTimePass(301);
      const late = await raid(harness, stack.target, { cookie, first });
      undo();
      expect([late.code, isSealed(late)]).toEqual([4400, true]);
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'sends the head of a socket as an HTTP request, or the message of an HTTP request as a head',
    outcome: '`message-rejected`, or `message-required` at the path of a gateway; no handler runs',
    run: async (harness) => {
      const { head, cookie = '' } = await heldHead(harness, stack);
      for (const target of [stack.target, '/bank/balance']) {
        const headers = { cookie, 'e2e-request': head.data.toString('latin1') };
        const answer = await harness.proxy.forward({ method: 'GET', target, headers, body: '' });
        expect([answer.status, answer.body]).toEqual([400, expect.stringContaining('message-rejected')]);
      }
      const plain = await harness.proxy.forward({ method: 'GET', target: stack.target, headers: { cookie }, body: '' });
      expect([plain.status, plain.body]).toEqual([415, expect.stringContaining('message-required')]);

      harness.on('/bank/balance', () => ({ status: 502, headers: {}, body: '' }));
      await harness
        .client()
        .fetch('/bank/balance')
        .catch(() => undefined);
      const { headers } = harness.proxy.last('/bank/balance');
      const first = text(String(headers['e2e-request']));
      const result = await raid(harness, stack.target, { cookie: String(headers.cookie), first });
      expect([result.code, isSealed(result)]).toEqual([4400, false]);
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'flips a bit in a head, cuts it, or sends what is no head, in the clear or as bytes',
    outcome: '`message-rejected` or `message-required`, and the socket never opens; no handler runs',
    run: async (harness) => {
      const { head, cookie } = await heldHead(harness, stack);
      const wrong = [
        ...[0, 20, head.data.length >> 1, -1].map((at) => flipped(head, at)),
        { ...head, data: head.data.subarray(0, -1) },
        { ...head, isBinary: true },
        text(''),
        text(message('transfer', 'of the attacker')),
        text('x'.repeat(40_000)),
      ];
      for (const [index, first] of wrong.entries()) {
        const result = await raid(harness, stack.target, { cookie, first });
        expect([index, isSealed(result)]).toEqual([index, false]);
        expect([4400, 4415, 4428]).toContain(result.code);
      }
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'opens sockets with the cookie, sends no head, or sends it byte by byte, and listens for broadcasts',
    outcome: 'it receives nothing, and `message-required` after ten seconds; the broadcast reaches only sealed sockets',
    run: async (harness) => {
      const victim = await stack.open(harness.client());
      const { cookie } = harness.proxy.sockets.at(-1)!.headers;
      const advance = stopTimers();
      const idle = [0, 1].map(() => {
        const raw = new WebSocket(harness.url.replace('http', 'ws') + stack.target, ['e2e.1'], { headers: { cookie } });
        const heard: unknown[] = [];
        raw.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString())));
        raw.on('close', (code) => heard.push(code));
        return { raw, heard };
      });
      try {
        await until(() => idle.every(({ raw }) => raw.readyState === WebSocket.OPEN));
        for (const letter of 'eyJ') idle[1]!.raw.send(letter, { fin: false });
        const before = victim.read.length;
        victim.socket.send(stack.event('announce'));
        await until(() => victim.read.length > before);
        expect(victim.read.slice(before)).toEqual([stack.event('announced', SECRET_BALANCE)]);
        expect(idle.map(({ heard }) => heard)).toEqual([[], []]);
        advance(10_000);
        await until(() => idle.every(({ heard }) => heard.length === 2));
        for (const { heard } of idle) {
          expect(heard).toEqual([expect.objectContaining({ type: 'urn:e2e:problem:message-required' }), 4415]);
        }
      } finally {
        jest.useRealTimers();
      }
      expectNothingInTheClear(harness);
      victim.socket.close();
    },
  },
  {
    attack: 'opens 150 sockets that say nothing, so that no other socket gets a place',
    outcome: 'the sockets that have waited longest are closed with `busy`; the client’s socket opens',
    run: async (harness) => {
      const codes: number[] = [];
      const idle = Array.from({ length: 150 }, () => {
        const raw = new WebSocket(harness.url.replace('http', 'ws') + stack.target, ['e2e.1']);
        return raw.on('close', (code) => codes.push(code)).on('error', () => undefined);
      });
      await until(() => idle.every(({ readyState }) => readyState !== WebSocket.CONNECTING));
      expect((await stack.visit(harness)).outcome).toBe(CLOSED);
      await until(() => codes.length >= 50);
      expect(new Set(codes)).toEqual(new Set([4503]));
      for (const raw of idle) raw.terminate();
    },
  },
  {
    attack: 'asks for a sealed socket without the subprotocol, or with another beside it',
    outcome: 'HTTP 400; there is no socket',
    run: async (harness) => {
      for (const protocols of [[], ['v1'], ['e2e.1', 'v1'], ['e2e.2']]) {
        const raw = new WebSocket(harness.url.replace('http', 'ws') + stack.target, protocols);
        const status = await new Promise((resolve) => {
          raw.on('unexpected-response', (request, { statusCode }) => {
            request.destroy();
            resolve(statusCode);
          });
          raw.on('open', () => resolve('open')).on('error', () => undefined);
        });
        expect([protocols, status]).toEqual([protocols, 400]);
      }
    },
  },
  {
    attack: 'answers the upgrade itself, with the subprotocol or without, and says what the server might say',
    outcome:
      '`plain-answer`: the application gets nothing, at most one more handshake is made, and no other transport is tried',
    run: async (harness) => {
      const said = [
        message('balance', 'of the attacker'),
        problem('message-rejected'),
        problem('handshake-required'),
        problem('message-stale'),
        'eyJ.a.b.c.d',
      ];
      for (const protocol of [undefined, 'e2e.1', 'v1']) {
        for (const [index, first] of said.entries()) {
          harness.proxy.upgradeRule = impostor(protocol, (socket) => {
            socket.send(first);
            socket.send(Buffer.from(message('balance', 'of the attacker')));
          });
          const visit = await stack.visit(harness);
          expect([protocol, index, visit]).toEqual([protocol, index, { read: [], outcome: 'plain-answer' }]);
        }
      }
      harness.proxy.upgradeRule = undefined;
      const handshakes = harness.proxy.seen.filter(({ request }) => request.target === '/e2e/handshake').length;
      // One for each client, and another one where the sealed path said, in the clear, that its channel is gone.
      expect(handshakes).toBe(3 * said.length + 1);
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'changes the server’s head, or puts the one of another socket there, of the same channel or another',
    outcome: '`plain-answer`; the socket never opens for the client, and the application gets nothing',
    run: async (harness) => {
      const client = harness.client();
      await stack.visit(harness, client);
      await stack.visit(harness);
      const others = harness.proxy.sockets.map((socket) => socket.sent('down')[0]!);
      harness.calls.length = 0;
      const heads = (own: SocketMessage): SocketMessage[] => [
        flipped(own, 0),
        flipped(own, own.data.length >> 1),
        flipped(own, -1),
        { ...own, isBinary: true },
        { ...own, data: own.data.subarray(0, -1) },
        ...others,
      ];
      for (let index = 0; index < 5 + others.length; index++) {
        harness.proxy.messageRule = (passing) => {
          if (passing.way === 'up' || passing.number > 0) return [passing];
          passing.socket.send('down', heads(passing)[index]!);
          passing.socket.close();
          return NOTHING;
        };
        expect([index, await stack.visit(harness, client)]).toEqual([index, { read: [], outcome: 'plain-answer' }]);
      }
      expect(harness.calls).toEqual([]);
    },
  },
  {
    attack: 'withholds the message that tells a client of its logout, to keep its socket in use',
    outcome: 'no handler runs any more, and the server cuts the socket after ten seconds',
    run: async (harness) => {
      const client = harness.client();
      await client.fetch('/bank/owner');
      const heard = await stack.open(client);
      const greeting = heard.read.length;
      const passing = harness.proxy.sockets.at(-1)!;
      const before = passing.sent('down').length;
      harness.proxy.messageRule = (each) => (each.way === 'down' ? NOTHING : [each]);
      const advance = stopTimers();
      try {
        await client.fetch('/bank/logout', { method: 'POST' });
        harness.calls.length = 0;
        await until(() => passing.sent('down').length > before);
        heard.socket.send(stack.event('transfer', CANARIES[0]));
        await until(() => passing.sent('up').at(-1)!.isBinary);
        advance(10_000);
        await until(() => heard.outcome !== undefined);
      } finally {
        jest.useRealTimers();
      }
      expect([heard.outcome, heard.read.slice(greeting), harness.calls]).toEqual([CUT, [], []]);
    },
  },
];
