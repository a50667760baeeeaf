import type { E2eWebSocket } from '../../src/client/index.js';

// What a page does with a WebSocket, as a table: the same script is run on a plain socket and on a sealed one, and the logs
// are compared. Nothing but types is imported, so that it runs in a page and in other runtimes as it is. The other side is the
// gateway of test/integration/sockets/support/gateway.ts.

/** What both kinds of sockets are. */
export type AnySocket = E2eWebSocket;

export interface Tools {
  readonly log: (line: string) => void;
  /** The next event of that type. */
  readonly next: (type: string) => Promise<Event>;
  /** So many messages have come since the beginning. */
  readonly messages: (count: number) => Promise<void>;
  /** Logs what the action throws. */
  readonly attempt: (action: () => void) => void;
}

export interface Script {
  readonly protocols?: string[];
  /** Which of those that are compared with do it otherwise than the standard. */
  readonly notIn?: readonly ('ws' | 'Node' | 'Bun' | 'Deno')[];
  readonly run: (socket: AnySocket, tools: Tools) => Promise<void>;
}

/** Runs the script to the close of its socket. */
export async function record(open: (protocols?: string[]) => AnySocket, { protocols, run }: Script): Promise<string[]> {
  const log: Promise<string>[] = [];
  const add = (line: string | Promise<string>) => log.push(Promise.resolve(line));
  let received = 0;
  let waiting: { readonly count: number; readonly go: () => void } | undefined;
  const show = (data: unknown): string | Promise<string> => {
    if (typeof data === 'string') return data.length > 200 ? `text of ${data.length}` : data;
    const hex = (buffer: ArrayBuffer) =>
      buffer.byteLength > 100
        ? `${buffer.byteLength} bytes`
        : [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    if (data instanceof Blob) return data.arrayBuffer().then((buffer) => `blob ${data.type} ${hex(buffer)}`);
    return `buffer ${hex(data as ArrayBuffer)}`;
  };
  const socket = open(protocols);
  const { readyState } = socket;
  add(`made ${readyState}`);
  const next = (type: string) =>
    new Promise<Event>((resolve) => socket.addEventListener(type, resolve, { once: true }));
  socket.addEventListener('open', () => add(`open ${socket.readyState} "${socket.protocol}" "${socket.extensions}"`));
  socket.addEventListener('message', ({ data }) => {
    const shown = show(data);
    add(Promise.resolve(shown).then((text) => `message ${text}`));
    if (++received === waiting?.count) waiting.go();
  });
  socket.addEventListener('error', () => add(`error ${socket.readyState}`));
  socket.addEventListener('close', ({ code, reason, wasClean }) =>
    add(`close ${socket.readyState} ${code} "${reason}" ${wasClean}`),
  );
  const closed = next('close');
  await run(socket, {
    log: (line) => add(line),
    next,
    messages: (count) => new Promise((go) => (received >= count ? go() : (waiting = { count, go }))),
    attempt(action) {
      try {
        action();
        add('done');
      } catch (error) {
        add(`throws ${(error as Error).name}`);
      }
    },
  });
  await closed;
  add(`left ${socket.bufferedAmount > 0}`);
  return Promise.all(log);
}

export const SCRIPTS: Readonly<Record<string, Script>> = {
  'sends text in its order': {
    async run(socket, { next, messages }) {
      await next('open');
      for (let index = 0; index < 50; index++) {
        socket.send(JSON.stringify({ event: 'echo', data: `grüße 🔐 ${index}` }));
      }
      await messages(50);
      socket.close();
    },
  },
  'sends bytes of every kind in their order': {
    async run(socket, { next, messages }) {
      await next('open');
      socket.binaryType = 'arraybuffer';
      const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
      for (let round = 0; round < 10; round++) {
        socket.send(bytes);
        socket.send(bytes.subarray(3, 7));
        socket.send(new Blob([bytes, 'x'.repeat(round * 1000)]));
        socket.send(bytes.buffer.slice(0, 5));
        socket.send(new DataView(bytes.buffer, 2, 3));
        socket.send(new Uint16Array([1, 2]));
        socket.send(new Uint8Array(0));
        socket.send(new Blob([]));
      }
      await messages(80);
      socket.close();
    },
  },
  'takes bytes as they are when send is called': {
    async run(socket, { next, messages }) {
      await next('open');
      socket.binaryType = 'arraybuffer';
      const bytes = new Uint8Array(8);
      for (let round = 0; round < 10; round++) {
        bytes.fill(round);
        for (const data of [bytes, bytes.buffer, new DataView(bytes.buffer, 2, 3)]) socket.send(data);
      }
      bytes.fill(0xee);
      await messages(30);
      socket.close();
    },
    notIn: ['ws'],
  },
  'reads bytes as it says at the moment': {
    async run(socket, { next, messages }) {
      await next('open');
      for (const [index, type] of (['blob', 'arraybuffer', 'blob'] as const).entries()) {
        socket.binaryType = type;
        socket.send(new Uint8Array([1, 2, 3]));
        await messages(index + 1);
      }
      socket.close();
    },
  },
  'sends a long message': {
    async run(socket, { next, messages }) {
      await next('open');
      socket.binaryType = 'arraybuffer';
      socket.send(new Uint8Array(90_000));
      await messages(1);
      socket.send(JSON.stringify({ event: 'echo', data: 'x'.repeat(70_000) }));
      await messages(2);
      socket.close();
    },
  },
  'sends in the handler of open': {
    async run(socket, { next }) {
      socket.onopen = () => socket.send(JSON.stringify({ event: 'echo', data: 1 }));
      await next('message');
      socket.close();
    },
  },
  'has its state and its constants': {
    async run(socket, { next, log }) {
      log([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED].join());
      log(`${socket.bufferedAmount} ${new URL(socket.url).protocol}`);
      const event = await next('open');
      log(`${event.type} ${event.target === socket} ${event.bubbles} ${event.cancelable}`);
      socket.send(JSON.stringify({ event: 'echo', data: 1 }));
      const { target, origin, lastEventId } = (await next('message')) as MessageEvent;
      log(`${target === socket} ${origin === new URL(socket.url).origin} "${lastEventId}"`);
      socket.close();
      log(`${socket.readyState}`);
    },
    notIn: ['ws', 'Deno'],
  },
  'selects a subprotocol': {
    protocols: ['v2.things', 'v1.things'],
    async run(socket, { next }) {
      await next('open');
      socket.close();
    },
  },
  'closes with a code': {
    async run(socket, { next }) {
      await next('open');
      socket.close(1000);
    },
  },
  'closes with a code and a reason': {
    async run(socket, { next }) {
      await next('open');
      socket.close(3500, 'grüße');
    },
  },
  'closes twice': {
    async run(socket, { next, attempt }) {
      await next('open');
      socket.close(4000, 'first');
      attempt(() => socket.close(4001, 'second'));
      await next('close');
      attempt(() => socket.close(4002));
    },
  },
  'takes only codes and reasons that a page may say': {
    async run(socket, { next, attempt }) {
      await next('open');
      for (const code of [0, 999, 1001, 1005, 1006, 1011, 2999, 5000]) attempt(() => socket.close(code));
      attempt(() => socket.close(3000, 'ü'.repeat(62)));
      attempt(() => socket.close(3000, 'x'.repeat(123)));
    },
    notIn: ['ws', 'Bun'],
  },
  'checks the code before it is open': {
    async run(socket, { attempt, next }) {
      attempt(() => socket.close(1001));
      await next('open');
      socket.close();
    },
    notIn: ['ws', 'Bun'],
  },
  'cannot send before it is open': {
    async run(socket, { next, attempt }) {
      attempt(() => socket.send('early'));
      await next('open');
      socket.close();
    },
    notIn: ['ws'],
  },
  'is closed before it is open': {
    async run(socket, { log }) {
      await Promise.resolve();
      socket.close();
      log(`${socket.readyState}`);
    },
    notIn: ['ws', 'Node', 'Deno'],
  },
  'is closed before it is open, with a code': {
    async run(socket, { log }) {
      await Promise.resolve();
      socket.close(3000, 'never mind');
      log(`${socket.readyState}`);
    },
    notIn: ['ws', 'Node', 'Deno'],
  },
  'sends nothing after close': {
    async run(socket, { next, attempt }) {
      await next('open');
      socket.send(JSON.stringify({ event: 'silent' }));
      socket.close();
      attempt(() => socket.send('late'));
      await next('close');
      attempt(() => socket.send(new Uint8Array(10)));
    },
    notIn: ['Node', 'Deno'],
  },
  'hands nothing over after its own close': {
    async run(socket, { next, messages }) {
      await next('open');
      socket.send(JSON.stringify({ event: 'echo', data: 1 }));
      await messages(1);
      for (let index = 0; index < 20; index++) socket.send(new Uint8Array(1));
      socket.close();
    },
    notIn: ['ws', 'Deno'],
  },
  'is closed by the server': {
    async run(socket, { next }) {
      await next('open');
      socket.send(JSON.stringify({ event: 'bye' }));
    },
  },
  'has all messages before the server’s close': {
    async run(socket, { next }) {
      await next('open');
      socket.binaryType = 'arraybuffer';
      // Those are answered at once.
      for (let index = 0; index < 5; index++) socket.send(new Uint8Array(index));
      socket.send(JSON.stringify({ event: 'bye' }));
    },
  },
  'is cut off': {
    async run(socket, { next }) {
      await next('open');
      socket.send(JSON.stringify({ event: 'cut' }));
    },
    notIn: ['Node', 'Deno'],
  },
  'calls handlers among listeners, where they were first set': {
    async run(socket, { next, log }) {
      socket.onopen = () => log('handler of open');
      socket.onerror = () => log('never called: removed');
      socket.onerror = null;
      await next('open');
      log(`${typeof socket.onopen} ${String(socket.onmessage)} ${String(socket.onerror)}`);
      socket.addEventListener('message', () => log('listener 1'));
      socket.onmessage = () => log('never called: replaced');
      socket.addEventListener('message', () => log('listener 2'));
      socket.onmessage = () => log('handler of messages');
      socket.addEventListener('message', () => log('once'), { once: true });
      const removed = () => log('never called: removed');
      socket.addEventListener('message', removed);
      socket.removeEventListener('message', removed);
      for (let index = 0; index < 2; index++) {
        socket.send(JSON.stringify({ event: 'echo', data: index }));
        await next('message');
      }
      socket.close();
    },
    notIn: ['ws', 'Node'],
  },
  'asks nobody who is no function or object': {
    async run(socket, { next, log }) {
      socket.onmessage = 'no function' as never;
      await next('open');
      log(String(socket.onmessage));
      socket.close();
    },
    notIn: ['ws'],
  },
};
