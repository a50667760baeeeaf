import { answerParent, optionsOfChild } from './children.mjs';
import { Connection, rawRequest } from './connection.mjs';
import { jsonOf } from './bodies.mjs';
import { rivalPeers } from './baselines.mjs';
import { openText, sealText } from './least.mjs';
import { channelOf, keyPairOf, open, seal, sealFrames } from './seal.mjs';
import { ascending, pause, quantile } from './stats.mjs';

// The load: a process of its own with a few kept-alive connections, each a visitor with a cookie and a channel.

const { port, keys, connections = 8, isSealing = true, hello = '/plain/echo' } = optionsOfChild();
const rivals = {
  ...rivalPeers(keys),
  'by-hand': { mediaType: 'text/plain', seal: sealText, open: openText },
};
const JSON_BODY = { 'Content-Type': 'application/json' };
const HELLO = rawRequest({ target: hello, headers: JSON_BODY, body: '{}' });
const handshakeOf = ({ jwk }) =>
  rawRequest({ target: '/e2e/handshake', headers: JSON_BODY, body: JSON.stringify({ publicKey: jwk }) });

/** The client sends a longer body in frames. */
const MESSAGE_BYTES = 65_536;

/** By the kind of channel. */
const visitors = {};
const pairs = {};
let strangers;
let ready = [];

const WAYS = {
  RSA: ['RSA', 'dir'],
  'P-256': ['P-256', 'dir'],
  X25519: ['X25519', 'dir'],
  'plain JWE': ['RSA', 'RSA-OAEP-256'],
};

/** A handshake on a connection of its own; again where the server is busy. Where there is none, only the cookie. */
async function visit(kind) {
  const connection = await Connection.open(port);
  const pair = isSealing && keyPairOf(kind);
  for (;;) {
    const { status, head, body } = await connection.send(isSealing ? handshakeOf(pair) : HELLO);
    if (status === 201) {
      const cookie = /\r\nset-cookie: ([^;]*)/i.exec(head)[1];
      return { connection, cookie, channel: pair && channelOf(pair, JSON.parse(body)) };
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
          headers: { 'Content-Type': rival?.mediaType ?? 'application/json', Cookie: cookie },
          body: rival ? rival.seal(plaintext) : plaintext,
        }),
      check: (body) => check(rival ? rival.open(body.toString()) : body.toString()),
    };
  }
  const alg = WAYS[way][1];
  const target = '/sealed/echo';
  const isInFrames = alg === 'dir' && plaintext.length > MESSAGE_BYTES;
  return {
    make: () =>
      rawRequest({
        target,
        headers: { 'Content-Type': isInFrames ? 'application/vnd.e2e.stream' : 'application/jose', Cookie: cookie },
        body: isInFrames ? sealFrames(channel, target, plaintext) : seal(channel, alg, target, plaintext),
      }),
    check: (body) => check(open(channel, alg, body).toString()),
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
  /** Strangers shaking hands, as many at a time as there are connections, all with one key. Their times with them. */
  async prepareHandshakes(kind, count) {
    const request = handshakeOf((pairs[kind] ??= keyPairOf(kind)));
    const check = (body) => JSON.parse(body);
    strangers ??= await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
    ready = strangers.map((connection) => ({
      connection,
      check,
      requests: Array.from({ length: count / connections }, () => request),
    }));
  },
  /**
   * Sends them, each connection one after the other, with so much of a pause between. The last answer on each is opened
   * and compared.
   */
  async run({ pauseMs = 0, withTimes = false } = {}) {
    const times = [];
    const begin = performance.now();
    const last = await Promise.all(
      ready.map(async ({ connection, requests }) => {
        let answer;
        for (const request of requests) {
          if (pauseMs) await pause(pauseMs * 2 * Math.random());
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
    ready = [];
    const sorted = ascending(times);
    return {
      throughput: sorted.length / seconds,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      count: sorted.length,
      ...(withTimes && { times }),
    };
  },
});
