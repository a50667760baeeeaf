import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Socket } from 'socket.io-client';
import { Encrypted } from '../../../src/index.js';
import { E2eIoAdapter } from '../../../src/socket.io/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { clientOf, connected, listen, plainClient, sealedClient, shown, type IoClient } from './support/clients.js';
import { ioGateway, seen, type LiveGateway } from './support/gateway.js';

const Sealed = ioGateway({}, Encrypted());
const SealedChat = ioGateway({ namespace: 'chat' }, Encrypted());
const Plain = ioGateway({ path: '/plain' });
const PlainChat = ioGateway({ path: '/plain', namespace: 'chat' });

type Act = (client: IoClient) => unknown;
const ask = async (client: IoClient, event: string, ...data: unknown[]): Promise<string> => {
  const answer: unknown = await client.socket.timeout(3000).emitWithAck(event, ...data);
  return shown(answer);
};

onEachPlatform('A sealed gateway of socket.io', (platform) => {
  const app = useApp(platform, {
    providers: [Sealed, SealedChat, Plain, PlainChat],
    configure: (nest) => nest.useWebSocketAdapter(new E2eIoAdapter(nest)),
  });
  const clients: IoClient[] = [];
  const server = () => app().get<LiveGateway>(Sealed).server;
  beforeEach(() => void (seen.length = 0));
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.disconnect();
    await until(() => server().engine.clientsCount === 0);
  });

  const kept = (client: IoClient): Promise<IoClient> => {
    clients.push(client);
    return connected(client);
  };
  const sealed = (options: object = {}, namespace?: string) =>
    kept(sealedClient(clientOf(app()), app().url, options, namespace));
  const plain = (options: object = {}, namespace?: string) =>
    kept(plainClient(app().url, '/plain', options, namespace));

  it.each<[string, Act]>([
    ['an acknowledgement', (one) => ask(one, 'echo', { text: 'gr\u00fc\u00dfe', list: [1, null] })],
    ['one by hand', (one) => ask(one, 'acknowledged', 7)],
    ['several arguments', (one) => ask(one, 'echo', 1, 'two', { three: 3 })],
    ['bytes, and bytes inside', (one) => ask(one, 'echo', { in: [Buffer.of(0, 1, 255)], out: Buffer.alloc(1000, 7) })],
    ['an answer as an event', (one) => one.socket.emit('answer', { a: 1 })],
    ['nothing where the handler returns nothing', (one) => one.socket.emit('silent')],
    ['each value of an Observable', (one) => one.socket.emit('many')],
    ['a DTO with its pipe', (one) => ask(one, 'note', { text: 'short', more: 1 })],
    ['a failed validation', (one) => one.socket.emit('note', { text: 'x'.repeat(21) })],
    ['a guard that lets in', (one) => ask(one, 'guarded', {})],
    ['a guard that does not', (one) => one.socket.emit('guarded', { forbidden: true })],
    ['an interceptor', (one) => one.socket.emit('wrapped', { a: 1 })],
    ['a WsException', (one) => one.socket.emit('throw', 1)],
    ['an event that nobody knows', (one) => one.socket.emit('unknown', 1)],
    ['a long text', (one) => ask(one, 'echo', 'x'.repeat(90_000))],
    [
      'a room',
      async (one) => {
        await ask(one, 'join', 'r');
        one.socket.emit('say', { how: 'room', room: 'r', data: 1 });
      },
    ],
    ['a room that it is not in', (one) => one.socket.emit('say', { how: 'room', room: 's', data: 1 })],
    ['the others', (one) => one.socket.emit('say', { how: 'others', data: 1 })],
    ['everyone', (one) => one.socket.emit('say', { how: 'all', data: 1 })],
    ['everyone, bytes', (one) => one.socket.emit('say', { how: 'binary', data: 'x' })],
    ['everyone, volatile', (one) => one.socket.emit('say', { how: 'volatile', data: 1 })],
    ['everyone, compressed', (one) => one.socket.emit('say', { how: 'compressed', data: 1 })],
    ['everyone of this server', (one) => one.socket.emit('say', { how: 'local', data: 1 })],
    ['a question of the server to everyone', (one) => ask(one, 'ask', { a: 1 })],
    ['its handshake', (one) => ask(one, 'facts', 1)],
    ['the sockets of the server, with their data', (one) => ask(one, 'everyone', 1)],
    ['being disconnected', (one) => one.socket.emit('kick', false)],
    ['all being disconnected', (one) => one.socket.emit('kick all', 1)],
    ['the client’s own leave', (one) => one.socket.disconnect()],
    ['volatile messages of the client', (one) => one.socket.volatile.emit('answer', 1)],
    ['many messages, in their order', (one) => range(50).forEach((each) => one.socket.emit('answer', each))],
    ['an acknowledgement that does not come', (one) => one.socket.timeout(1).emitWithAck('silent', 1).catch(String)],
  ])('does as the same one in the clear: %s', async (_, act) => {
    const story = async (open: typeof plain): Promise<unknown[]> => {
      const options = { auth: { token: 'a token' }, query: { room: 'blue' }, extraHeaders: {}, reconnection: false };
      const [one, other] = [await open(options), await open({ reconnection: false })];
      const answer: unknown = await act(one);
      // Whoever was disconnected is not answered.
      for (const client of [one, other].filter(({ socket }) => socket.connected)) {
        await ask(client, 'echo', 'mark').catch(() => undefined);
      }
      const told = [one, other].map(({ log }) => [...log]);
      for (const { socket } of [one, other]) socket.disconnect();
      await until(() => seen.filter((line) => line === 'disconnected').length === 2);
      return [answer instanceof Socket || answer, told, seen.splice(0).sort()];
    };
    expect(await story(sealed)).toEqual(await story(plain));
  });

  it('has namespaces over one socket, each with its handlers and middlewares', async () => {
    const client = clientOf(app());
    const one = await kept(sealedClient(client, app().url));
    const chat = await kept(listen(one.socket.io.socket('/chat', { auth: { token: 'here' } })));
    expect(chat.socket.io).toBe(one.socket.io);
    expect([await ask(one, 'everyone', 1), await ask(chat, 'everyone', 1)]).toEqual(['[null]', '["here"]']);
    const nowhere = await kept(sealedClient(client, app().url, {}, '/nowhere'));
    expect(nowhere.log).toEqual(['connect_error Invalid namespace']);
    const wrong = await kept(sealedClient(client, app().url, { auth: { token: 'wrong' } }, '/chat'));
    expect(wrong.log).toEqual(['connect_error not with this token']);
  });

  it.each(['one', 'all', 'room', 'others', 'volatile', 'binary', 'compressed', 'local'])(
    'sends nothing in the clear on the wire: %s',
    async (how) => {
      const canary = `canary-${platform}-6f1d`;
      const story = async (open: typeof plain): Promise<string> => {
        const [one, other] = [await open(), await open()];
        await ask(other, 'join', 'r');
        app().tap.clear();
        one.socket.emit('say', { how, data: canary, room: 'r' });
        const heard = how === 'one' ? one : other;
        await until(() => heard.log.length > 1);
        expect(heard.log[1]).toContain(how === 'binary' ? Buffer.from(canary).toString('hex') : canary);
        return app().tap.text;
      };
      expect(await story(sealed)).not.toContain(canary);
      expect(await story(plain)).toContain(canary);
    },
  );

  it('sends no acknowledgement and no question in the clear', async () => {
    const canary = `canary-${platform}-8a2e`;
    for (const [open, isSealed] of [
      [sealed, true],
      [plain, false],
    ] as const) {
      const one = await open({ query: { token: canary } });
      app().tap.clear();
      expect(await ask(one, 'echo', canary)).toContain(canary);
      expect(await ask(one, 'ask', canary)).toContain(canary);
      expect(app().tap.text.includes(canary)).toBe(!isSealed);
      one.socket.disconnect();
    }
  });

  it('gives the application nothing that writes past the frames', async () => {
    await sealed();
    const [socket] = [...server().sockets.sockets.values()];
    const insides = (socket!.conn.transport as unknown as { socket: object }).socket as Record<string, unknown>;
    expect([insides._socket, insides._sender, insides._receiver]).toEqual([null, null, null]);
  });

  it('knows the channel and the session of a socket', async () => {
    const client = clientOf(app());
    const { kid } = await client.handshake();
    const one = await kept(sealedClient(client, app().url));
    expect(await ask(one, 'channel', 1)).toBe(`"${kid}"`);
    const { request } = app().get<LiveGateway>(Sealed).sockets.at(-1)!;
    expect((request as { session?: unknown }).session).toBeDefined();
  });
});

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
