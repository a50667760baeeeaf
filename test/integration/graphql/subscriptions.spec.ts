import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient, type Client } from 'graphql-ws';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import type { E2eClient } from '../../../src/client/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { until } from '../../support/clock.js';
import { TestApp, type Setup } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';
import { graphqlOf, LoginController, platformOf, SERVERS } from './support/notes.js';
import { subscribed, TickResolver } from './support/ticks.js';

// Node 20 has no WebSocket of its own.
const SOCKETS = { webSocket: WebSocket };

const REFUSED = /^HTTP\/1\.1 400 Bad Request\r\n/;
const ENDLESS = 'subscription { ticks(to: 1000000000) }';

/** All that a subscription gives. */
async function collect(client: Client, query: string): Promise<unknown[]> {
  const got: unknown[] = [];
  for await (const { data, errors } of client.iterate({ query })) got.push(errors ?? data);
  return got;
}

/** Why there is no subscription: errors of GraphQL, an exception, or the end of the socket. */
async function refusalOf(client: Client, query: string): Promise<string> {
  const given: unknown = await collect(client, query).catch((error: unknown) => error);
  if (Array.isArray(given)) return JSON.stringify(given);
  const { code = 0, reason, message = reason } = given as { code?: number; reason?: string; message?: string };
  return JSON.stringify([code, message]);
}

/** The whole answer to an upgrade. */
function upgrade(app: TestApp, target: string, subprotocol: string): Promise<string> {
  const { port } = new URL(app.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
      ),
    );
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.startsWith('HTTP/1.1 101')) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
  });
}

describe.each(SERVERS)('Subscriptions of GraphQL under a sealed path, %s,', (server) => {
  const platform = platformOf(server);
  const setup = (sealedPaths?: string[]): Setup => ({
    e2e: sealedPaths ? { sealedPaths } : {},
    imports: [graphqlOf(server, '/graphql', true)],
    controllers: [LoginController],
    providers: [TickResolver],
    configure: (app) => sealedPaths && app.useWebSocketAdapter(new E2eWsAdapter(app)),
  });
  let [sealed, plain]: [TestApp?, TestApp?] = [];
  const open: Client[] = [];
  const subscriber = (client: E2eClient): Client => {
    const made = createClient({
      url: `${sealed!.url}/graphql`.replace('http', 'ws'),
      webSocketImpl: client.webSocket,
      retryAttempts: 0,
    });
    open.push(made);
    return made;
  };
  const control = (): Client => {
    const url = `${plain!.url}/graphql`.replace('http', 'ws');
    const made = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
    open.push(made);
    return made;
  };
  beforeAll(async () => {
    sealed = await TestApp.start(platform, setup(['/graphql']));
    plain = await TestApp.start(platform, setup());
  });
  afterAll(async () => {
    for (const each of open) await each.dispose();
    await sealed?.close();
    await plain?.close();
  });
  beforeEach(() => void (subscribed.length = 0));

  it('give what they give in the clear, and nothing of it is on the wire', async () => {
    const client = sealed!.client(SOCKETS);
    await client.handshake();
    sealed!.tap.clear();
    const mine = subscriber(client);
    for (const query of ['subscription { ticks(to: 3) }', 'query { one }']) {
      const expected = await collect(control(), query);
      expect(expected.length).toBeGreaterThan(0);
      expect(await collect(mine, query)).toEqual(expected);
    }
    const wire = sealed!.tap.text;
    expect([CANARY, 'ticks', 'connection_init', 'graphql-transport-ws'].filter((each) => wire.includes(each))).toEqual(
      [],
    );
  });

  it('are refused as those in the clear are', async () => {
    for (const query of ['subscription { none }', 'subscription { ticks(to: "x") }']) {
      const expected = await refusalOf(control(), query);
      expect(expected).not.toContain('null');
      expect(await refusalOf(subscriber(sealed!.client(SOCKETS)), query)).toBe(expected);
    }
  });

  it('have the session and the channel of their client', async () => {
    const client = sealed!.client(SOCKETS);
    const headers = { 'content-type': 'application/json' };
    await client.fetch('login', { method: 'POST', headers, body: JSON.stringify({ user: 'ada' }) });
    expect(await collect(subscriber(client), 'subscription { who }')).toEqual([{ who: 'ada X25519' }]);
  });

  it('end with their client', async () => {
    const mine = subscriber(sealed!.client(SOCKETS));
    await mine.iterate({ query: ENDLESS }).next();
    await mine.dispose();
    await until(() => subscribed.includes('over'));
  });

  it('end with their session', async () => {
    const client = sealed!.client(SOCKETS);
    const mine = subscriber(client);
    const codes: number[] = [];
    mine.on('closed', (event) => codes.push((event as { code: number }).code));
    await mine.iterate({ query: ENDLESS }).next();
    await client.fetch('login/out', { method: 'POST' });
    await until(() => subscribed.includes('over') && codes.length > 0);
    expect(codes).toEqual([4401]);
  });

  it.each(['graphql-transport-ws', 'e2e.1, graphql-transport-ws', 'graphql-transport-ws, e2e.1', 'e2e.2'])(
    'are no way for a socket that asks for %s',
    async (subprotocol) => {
      for (const target of [
        '/graphql',
        '/GraphQL',
        '/graphql/',
        '/graphql?x',
        '//graphql',
        '/%67raphql',
        '/graphql/x',
      ]) {
        expect([target, await upgrade(sealed!, target, subprotocol)]).toEqual([target, expect.stringMatching(REFUSED)]);
      }
      expect(subscribed).toEqual([]);
    },
  );
});

describe.each(SERVERS)('Without an adapter that seals, %s, a socket under a sealed path', (server) => {
  it('is refused, sealed or not', async () => {
    const app = await TestApp.start(platformOf(server), {
      e2e: { sealedPaths: ['/graphql'] },
      imports: [graphqlOf(server, '/graphql', true)],
      providers: [TickResolver],
    });
    for (const subprotocol of ['graphql-transport-ws', 'e2e.1']) {
      const answer = await upgrade(app, '/graphql', subprotocol);
      expect(answer).toMatch(REFUSED);
      expect(answer.split('\r\n\r\n')[1]).toBe('Sockets under this path have to be sealed.');
    }
    const said = app.log.ofModule.filter((line) => line.includes('a sealed path was refused'));
    expect(said).toEqual([expect.stringMatching(/^warn .*useWebSocketAdapter\(new E2eWsAdapter\(app\)\)/)]);
    await app.close();
  });
});
