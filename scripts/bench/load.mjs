import { answerParent, optionsOfChild } from './children.mjs';
import { Connection, rawRequest } from './connection.mjs';
import { jsonOf } from './bodies.mjs';
import { rivalPeers } from './rivals.mjs';
import { channelOf, keyPairOf, open, seal } from './seal.mjs';
import { ascending, pause, quantile } from './stats.mjs';

// The load: a process of its own with a few kept-alive connections, each a visitor with a cookie and a channel.

const { port, keys, connections = 8 } = optionsOfChild();
const rivals = rivalPeers(keys);
/** By the kind of channel. */
const visitors = {};
let ready = [];

const WAYS = {
  RSA: ['RSA', 'dir'],
  'P-256': ['P-256', 'dir'],
  X25519: ['X25519', 'dir'],
  'plain JWE': ['RSA', 'RSA-OAEP-256'],
};

/** A handshake on a connection of its own; again where the server is busy. */
async function visit(kind) {
  const connection = await Connection.open(port);
  const pair = keyPairOf(kind);
  for (;;) {
    const { status, head, body } = await connection.send(
      rawRequest({
        target: '/e2e/handshake',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ publicKey: pair.jwk }),
      }),
    );
    if (status === 201) {
      const cookie = /\r\nset-cookie: ([^;]*)/i.exec(head)[1];
      return { connection, cookie, channel: channelOf(pair, JSON.parse(body)) };
    }
    if (status !== 503) throw new Error(`handshake: ${status} ${body}`);
    await pause(500);
  }
}

async function visitorsOf(kind) {
  visitors[kind] ??= await Promise.all(Array.from({ length: connections }, () => visit(kind)));
  return visitors[kind];
}

function prepare(way, size, visitor) {
  const text = jsonOf(size);
  const plaintext = Buffer.from(text);
  const check = (answer) => {
    if (answer !== text) throw new Error(`${way}: not an echo: ${answer.slice(0, 200)}`);
  };
  const { cookie, channel } = visitor;
  if (way === 'plain' || rivals[way]) {
    const rival = rivals[way];
    const target = `/${way}/echo`;
    return {
      make: () =>
        rawRequest({
          target,
          headers: { 'Content-Type': 'application/json', Cookie: cookie },
          body: rival ? rival.seal(plaintext) : plaintext,
        }),
      check: (body) => check(rival ? rival.open(body.toString()) : body.toString()),
    };
  }
  const alg = WAYS[way][1];
  return {
    make: () =>
      rawRequest({
        target: '/sealed/echo',
        headers: { 'Content-Type': 'application/jose', Cookie: cookie },
        body: seal(channel, alg, '/sealed/echo', plaintext),
      }),
    check: (body) => check(open(channel, alg, body.latin1Slice()).toString()),
  };
}

answerParent({
  /** Makes the requests of a batch, and says how long the first one's body is. */
  async prepare(way, size, count) {
    const guests = await visitorsOf(WAYS[way]?.[0] ?? 'RSA');
    ready = guests.map((visitor, index) => {
      const { make, check } = prepare(way, size, visitor);
      const share = Math.floor(count / connections) + (index < count % connections ? 1 : 0);
      return { connection: visitor.connection, check, requests: Array.from({ length: share }, make) };
    });
    const [request] = ready[0].requests;
    return request.length - request.indexOf('\r\n\r\n') - 4;
  },
  /** Sends them, each connection one after the other. The last answer on each is opened and compared. */
  async run() {
    const times = [];
    const begin = performance.now();
    const last = await Promise.all(
      ready.map(async ({ connection, requests }) => {
        let answer;
        for (const request of requests) {
          const sent = performance.now();
          answer = await connection.send(request);
          times.push(performance.now() - sent);
          if (answer.status !== 201) throw new Error(`${answer.status} ${answer.body}`);
        }
        return answer;
      }),
    );
    const seconds = (performance.now() - begin) / 1000;
    ready.forEach(({ check }, index) => last[index] && check(last[index].body));
    const sorted = ascending(times);
    ready = [];
    return {
      throughput: sorted.length / seconds,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      count: sorted.length,
      answerBytes: last[0].body.length,
    };
  },
});
