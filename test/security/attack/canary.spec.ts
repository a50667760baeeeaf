import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { createE2eClient, type E2eClient } from '../../../src/client/index.js';
import { KEY_KINDS } from '../../../src/protocol/keys.js';
import { until } from '../../support/clock.js';
import type { Configuration, Report } from './support/busy-server.js';
import { Haystack } from './support/canary.js';
import { makeIdentity, messageOf, post, refusalOf } from './support/harness.js';
import { Proxy } from './support/proxy.js';
import { privateParts, serverSecrets, TellTaleEngine, type Secrets } from './support/secrets.js';

const here = (name: string): string => fileURLToPath(new URL(`support/${name}`, import.meta.url));

/** A text that is nowhere else in the world. */
const marker = (): string => randomBytes(18).toString('base64url');

describe('after a busy run, what was sealed and what sealed it', () => {
  const configuration: Configuration = {
    secret: marker() + marker(),
    sessionSecret: marker() + marker(),
    identityKey: makeIdentity().pem,
  };
  const sealed = new Map<string, string>();
  const note = marker();
  const plain = marker();
  const plainOnSockets = marker();
  const secrets: Secrets = new Map();
  const output: Buffer[] = [];
  let server: ChildProcess;
  let proxy: Proxy;
  let places: Record<'output' | 'store' | 'traffic', Haystack>;

  /** A marker that is to be found nowhere. */
  function canary(what: string): string {
    const text = marker();
    sealed.set(`${what} ${sealed.size}`, text);
    return text;
  }

  async function report<T extends Report>(message?: object): Promise<T> {
    if (message) server.send(message);
    const [answer] = (await once(server, 'message')) as [T];
    return answer;
  }

  beforeAll(async () => {
    server = fork(here('busy-server.ts'), {
      execArgv: ['--import', here('typescript.mjs')],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '', DEBUG: '*', NODE_DEBUG: 'http', NODE_ENV: 'development' },
    });
    for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (chunk: Buffer) => output.push(chunk));
    const { port } = await report<{ port: number }>(configuration);
    proxy = await Proxy.before(`http://127.0.0.1:${port}`);

    for (const keyKind of KEY_KINDS) {
      const engine = new TellTaleEngine();
      const client = createE2eClient({
        baseUrl: proxy.url,
        keyKind,
        engine,
        padding: keyKind === 'RSA',
        webSocket: WebSocket,
      });
      await use(client);
      client.close();
      for (const [name, bytes] of engine.secrets) secrets.set(`${keyKind} ${name}`, bytes);
    }

    const { sessions } = await report<{ sessions: Record<string, string> }>({ ask: 'sessions' });
    for (const [name, bytes] of serverSecrets(sessions, configuration.secret)) secrets.set(name, bytes);
    for (const name of ['secret', 'sessionSecret'] as const) secrets.set(name, Buffer.from(configuration[name]));
    const identityKey = createPrivateKey(configuration.identityKey).export({ format: 'der', type: 'pkcs8' });
    for (const part of privateParts(identityKey)) secrets.set(`identity key ${secrets.size}`, part);
    server.kill();
    await once(server, 'close');
    places = {
      output: new Haystack(Buffer.concat(output).toString()),
      store: new Haystack(JSON.stringify(sessions)),
      traffic: new Haystack(proxy.capture),
    };
  });
  afterAll(async () => {
    server.kill();
    await proxy.close();
  });

  /** Whatever can be done with the server, well and badly. */
  async function use(client: E2eClient): Promise<void> {
    const all = await Promise.all(
      Array.from({ length: 10 }, () => client.fetch('/busy/echo', post({ text: canary('body') }))),
    );
    for (const response of all) await response.json();
    await client.fetch(`/busy/find?text=${canary('query')}`);
    await client.fetch('/busy/echo', { method: 'POST', body: new URLSearchParams({ text: canary('form') }) });
    await client.fetch('/busy/echo', { method: 'POST', body: Buffer.from(canary('bytes')) });
    await client.fetch('/busy/login', post({ password: canary('password') }));
    await client.fetch('/busy/note', post({ note }));
    await client.fetch('/busy/refuse', post({ text: canary('refused body') }));
    await client.fetch('/busy/boom', post({ text: canary('body of an error') }));
    await client.fetch(`/busy/missing?text=${canary('query of a 404')}`);
    await client.fetch('/busy/echo', { ...post({}), body: `{"text": ${canary('bad JSON')}` });
    await client.fetch('/busy/echo', { ...post({}), body: `{"__proto__": {"text": "${canary('forbidden JSON')}"}}` });

    const socket = client.webSocket(`/busy/live?token=${canary('query of a socket')}`, [canary('subprotocol')]);
    await chat(socket, 4, canary('message of a socket'), canary('reason'));
    const inTheClear = new WebSocket(`${proxy.url.replace('http', 'ws')}/plain/live`);
    await chat(inTheClear as unknown as EventTarget & WebSocket, 4, plainOnSockets, plainOnSockets);

    const { request } = proxy.seen.at(-1)!;
    await proxy.forward(request);
    await proxy.forward({ ...request, body: messageOf(request).slice(0, -1) });
    await proxy.forward({ ...request, headers: { ...request.headers, cookie: undefined } });
    proxy.rule = (passing, forward) => forward({ ...passing, target: '/busy/echo?moved' });
    await refusalOf(client.fetch('/busy/echo', post({ text: canary('moved body') })));
    proxy.rule = undefined;
    await client.fetch('/plain/echo', { ...post({ text: plain }), e2e: { request: false } }).catch(() => undefined);
    await fetch(`${proxy.url}/plain/echo`, post({ text: plain }));
  }

  /** Has a gateway say this in all its ways, and close with this. */
  async function chat(
    socket: EventTarget & { send(text: string): void },
    answers: number,
    data: string,
    reason: string,
  ): Promise<void> {
    const heard = { open: 0, message: 0, close: 0 };
    for (const type of ['open', 'message', 'close'] as const) socket.addEventListener(type, () => heard[type]++);
    await until(() => heard.open > 0);
    socket.send(JSON.stringify({ event: 'echo', data }));
    await until(() => heard.message === answers);
    socket.send(JSON.stringify({ event: 'close', data: reason }));
    await until(() => heard.close > 0);
  }

  it('is searched in all its kinds, and the search finds it', () => {
    expect(sealed.size).toBeGreaterThan(50);
    expect(secrets.size).toBeGreaterThan(40);
    expect([...secrets.keys()].filter((name) => name.startsWith("server's")).length).toBeGreaterThanOrEqual(3);
    // A body in the clear, that its handler logs.
    expect(places.traffic.find(Buffer.from(plain))).not.toEqual([]);
    for (const socket of proxy.sockets.filter(({ target }) => target === '/plain/live')) {
      const said = socket.sent('down').map(({ data }) => data.toString());
      expect(said.map((text) => text.includes(plainOnSockets))).toEqual([true, true, true, true]);
    }
    expect(places.traffic.find(Buffer.from(plainOnSockets))).not.toEqual([]);
    expect(places.output.find(Buffer.from(plain))).not.toEqual([]);
    // What an application keeps in its session is its own, and lies there as it put it.
    expect(places.store.find(Buffer.from(note))).not.toEqual([]);
    // The output is as chatty as was asked for.
    expect(places.output.find(Buffer.from('express-session'))).not.toEqual([]);
    expect(places.output.find(Buffer.from('/busy/find?e2e-query='))).not.toEqual([]);
  });

  it.each(['output', 'store', 'traffic'] as const)('is nowhere in the %s, in no form', (place) => {
    const found: string[] = [];
    const look = (name: string, bytes: Uint8Array): void => {
      for (const form of places[place].find(bytes)) found.push(`${name}, as ${form}`);
    };
    for (const [name, text] of sealed) look(name, Buffer.from(text));
    for (const [name, bytes] of secrets) look(name, bytes);
    if (place !== 'store') look('note', Buffer.from(note));
    expect(found).toEqual([]);
  });
});
