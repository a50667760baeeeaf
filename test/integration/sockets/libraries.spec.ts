import { beforeEach, describe, expect, it } from '@jest/globals';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import { createClient, makeServer, type ExecutionResult } from 'graphql-ws';
import type { IncomingMessage } from 'node:http';
import reconnecting from 'reconnecting-websocket';
import { firstValueFrom, take, toArray } from 'rxjs';
import { webSocket } from 'rxjs/webSocket';
import { WebSocket } from 'ws';
import type { E2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SessionController } from '../e2e/support/sessions.js';
import { liveGateway, seen, type LiveGateway } from './support/gateway.js';

// Its types say that the class is a member of what it exports, and Node finds the class itself.
const ReconnectingWebSocket = reconnecting as unknown as typeof reconnecting.default;

const Live = liveGateway('/live', Encrypted());

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: { greeting: { type: GraphQLString, resolve: () => 'canary of a query' } },
  }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      count: {
        type: GraphQLInt,
        args: { from: { type: GraphQLInt } },
        async *subscribe(_: unknown, { from }: { from: number }) {
          for (let count = from; count < from + 10; count++) yield await Promise.resolve({ count });
        },
      },
      waiting: {
        type: GraphQLInt,
        async *subscribe() {
          yield { waiting: 1 };
          await new Promise(() => undefined);
        },
      },
    },
  }),
});

/** A server of graphql-ws on a gateway's sockets, as its documentation has it for a server of one's own. */
@Encrypted()
@WebSocketGateway({ path: '/graphql-live' })
class GraphqlGateway implements OnGatewayConnection<WebSocket> {
  readonly #server = makeServer({ schema });
  readonly sockets: WebSocket[] = [];

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    this.sockets.push(socket);
    const closed = this.#server.opened(
      {
        protocol: socket.protocol,
        send: (data) =>
          new Promise((resolve, reject) => socket.send(data, (error) => (error ? reject(error) : resolve()))),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) => socket.on('message', (data: Buffer) => void take(data.toString())),
      },
      { socket, request },
    );
    socket.once('close', (code: number, reason: Buffer) => void closed(code, reason.toString()));
  }

  @SubscribeMessage('unused')
  unused(): void {
    // Without a handler of messages it would be a gateway as well.
  }
}

onEachPlatform('libraries over client.webSocket', (platform) => {
  const app = useApp(platform, {
    controllers: [SessionController],
    providers: [Live, GraphqlGateway],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  const address = (path: string) => `${app().url.replace('http', 'ws')}/${path}`;
  const client = (): E2eClient => app().client({ webSocket: WebSocket });
  const revoke = (own: E2eClient) => own.fetch('session/revoke', { method: 'POST' });
  const echo = (data: unknown) => JSON.stringify({ event: 'echo', data });
  beforeEach(() => {
    seen.length = 0;
    app().tap.clear();
  });

  describe('graphql-ws', () => {
    const connect = (own: E2eClient) =>
      createClient({
        url: address('graphql-live'),
        webSocketImpl: own.webSocket,
        retryAttempts: 3,
        retryWait: () => Promise.resolve(),
      });
    const sockets = () => app().get(GraphqlGateway).sockets;

    it('queries and subscribes, with nothing in the clear', async () => {
      const graphql = connect(client());
      const [{ value }] = [await graphql.iterate({ query: '{ greeting }' }).next()];
      expect((value as ExecutionResult).data).toEqual({ greeting: 'canary of a query' });
      const counts: unknown[] = [];
      for await (const { data } of graphql.iterate({ query: 'subscription { count(from: 7) }' })) {
        counts.push(data?.count);
        if (counts.length === 5) break;
      }
      expect(counts).toEqual([7, 8, 9, 10, 11]);
      expect(sockets().at(-1)?.protocol).toBe('graphql-transport-ws');
      await graphql.dispose();
      expect(app().tap.text).not.toMatch(/canary|greeting|graphql-transport-ws/);
    });

    it('subscribes again where the connection was cut, and not after the session has ended', async () => {
      const own = client();
      await own.handshake();
      const graphql = connect(own);
      const results: unknown[] = [];
      let failure: unknown;
      graphql.subscribe(
        { query: 'subscription { waiting }' },
        { next: ({ data }) => results.push(data), error: (error) => (failure = error), complete: () => undefined },
      );
      await until(() => results.length === 1);
      sockets().at(-1)!.terminate();
      await until(() => results.length === 2);
      const { length } = sockets();
      await revoke(own);
      await until(() => failure !== undefined);
      expect(failure).toMatchObject({ code: 4401 });
      expect(sockets()).toHaveLength(length);
    });
  });

  describe('reconnecting-websocket', () => {
    it('keeps what is sent before it is open, and connects again by itself', async () => {
      const own = client();
      const socket = new ReconnectingWebSocket(address('live'), ['v1.notes'], {
        WebSocket: own.webSocket,
        minReconnectionDelay: 1,
        maxReconnectionDelay: 5,
      });
      socket.binaryType = 'arraybuffer';
      const log: string[] = [];
      socket.addEventListener('open', () => void log.push(`open ${socket.protocol}`));
      socket.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => {
        log.push(typeof data === 'string' ? data : `${data.byteLength} bytes`);
      });
      socket.addEventListener('close', ({ code }) => void log.push(`close ${code}`));
      socket.send(echo(1));
      await until(() => log.includes(echo(1)));
      socket.send(new Uint8Array(3));
      await until(() => log.includes('4 bytes'));
      for (const each of app().get<LiveGateway>(Live).server.clients) each.terminate();
      await until(() => log.length === 5);
      socket.send(echo(2));
      await until(() => log.length === 6);
      socket.send(JSON.stringify({ event: 'bye' }));
      await until(() => log.length === 8);
      expect(log).toEqual([
        'open v1.notes',
        echo(1),
        '4 bytes',
        'close 1006',
        'open v1.notes',
        echo(2),
        'close 3001',
        'open v1.notes',
      ]);
      socket.close();
      await until(() => log.length === 9);
    });

    it('stays closed after the session has ended, where its listener closes it', async () => {
      const own = client();
      const socket = new ReconnectingWebSocket(address('live'), [], {
        WebSocket: own.webSocket,
        minReconnectionDelay: 1,
        maxReconnectionDelay: 5,
      });
      let closed = false;
      socket.addEventListener('close', ({ code }) => {
        if (code === 4401) socket.close();
        closed = true;
      });
      await until(() => socket.readyState === 1);
      await revoke(own);
      await until(() => closed);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(socket.readyState).toBe(3);
      expect(seen.filter((line) => line.startsWith('connected'))).toHaveLength(1);
    });
  });

  describe('webSocket of RxJS', () => {
    const subject = (own: E2eClient) =>
      webSocket<{ event: string; data?: unknown }>({ url: address('live'), WebSocketCtor: own.webSocket });

    it('sends and reads, and multiplexes', async () => {
      const live = subject(client());
      const many = firstValueFrom(
        live
          .multiplex(
            () => ({ event: 'many' }),
            () => ({ event: 'silent' }),
            ({ event }) => event === 'many',
          )
          .pipe(take(3), toArray()),
      );
      expect(await many).toEqual([1, 2, 3].map((data) => ({ event: 'many', data })));
      await until(() => seen.includes('disconnected'));
    });

    it('completes at an orderly close, and has an error at a cut; closeObserver has the code', async () => {
      const own = client();
      const ends: unknown[] = [];
      const codes: number[] = [];
      const run = (event = 'echo') => {
        const live = webSocket<object>({
          url: address('live'),
          WebSocketCtor: own.webSocket,
          closeObserver: { next: ({ code }) => codes.push(code) },
        });
        live.subscribe({ complete: () => ends.push('complete'), error: (error) => ends.push(error) });
        live.next({ event });
      };
      run('bye');
      await until(() => ends.length === 1);
      run();
      await until(() => seen.includes('echo'));
      for (const each of app().get<LiveGateway>(Live).server.clients) each.terminate();
      await until(() => ends.length === 2);
      seen.length = 0;
      run();
      await until(() => seen.includes('echo'));
      await revoke(own);
      await until(() => ends.length === 3);
      expect(ends).toEqual(['complete', expect.objectContaining({ type: 'close', code: 1006 }), 'complete']);
      expect(codes).toEqual([3001, 1006, 4401]);
    });
  });
});
