import { jsonOf } from './bodies.mjs';
import { answerParent, optionsOfChild } from './children.mjs';
import { Connection, rawRequest } from './connection.mjs';
import { channelOf, keyPairOf } from './seal.mjs';
import { PlainPeer, SealedPeer } from './socket-peer.mjs';

// The load on sockets: a process of its own, in which messages are made before they are sent.

const { port } = optionsOfChild();
const pair = keyPairOf('X25519');
const handshake = rawRequest({
  target: '/e2e/handshake',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ publicKey: pair.jwk }),
});
const connection = await Connection.open(port);

/** A new session with a channel. */
async function visit() {
  const { status, head, body } = await connection.send(handshake);
  if (status !== 201) throw new Error(`handshake: ${status} ${body}`);
  const cookie = /\r\nset-cookie: ([^;]*)/i.exec(head)[1];
  return { headers: { Cookie: cookie }, channel: channelOf(pair, JSON.parse(body.toString())) };
}

/** By their way. */
const sockets = { plain: [], least: [], sealed: [] };
let guest;
let ready = [];

async function open(way, isShared) {
  if (way !== 'sealed') return PlainPeer.open(port, `/${way}`);
  if (!isShared || !guest) guest = await visit();
  return SealedPeer.open(port, '/sealed', guest.headers, guest.channel);
}

answerParent({
  /** Has so many sockets open in this way; sealed ones on a session each, or all on one. */
  async hold(way, count, { isShared = false } = {}) {
    const held = sockets[way];
    while (held.length > count) held.pop().close();
    while (held.length < count) held.push(await open(way, isShared));
  },
  /** Makes the messages of a batch. */
  prepare(way, size, count) {
    const peers = sockets[way];
    const text = jsonOf(size);
    const message = JSON.stringify({ event: 'echo', data: JSON.parse(text) });
    ready = peers.map((peer) => ({
      peer,
      expected: message,
      messages: Array.from({ length: count / peers.length }, () => peer.make(message)),
    }));
  },
  /** Each socket sends one after the other. The last answer on each is opened and compared. */
  async run() {
    const begin = performance.now();
    await Promise.all(
      ready.map(async ({ peer, messages }) => {
        for (const message of messages) await peer.send(message);
      }),
    );
    const seconds = (performance.now() - begin) / 1000;
    for (const { peer, expected } of ready) {
      if (peer.read() !== expected) throw new Error(`not an echo: ${peer.read().slice(0, 200)}`);
    }
    const count = ready.reduce((sum, { messages }) => sum + messages.length, 0);
    return { count, rate: count / seconds };
  },
  /** Has one say it to all, so many times; over when each has heard each. */
  async broadcast(way, size, times) {
    const peers = sockets[way];
    const data = JSON.parse(jsonOf(size));
    const expected = JSON.stringify({ event: 'said', data });
    let left = 0;
    let settle;
    for (const peer of peers) peer.onMessage = () => --left === 0 && settle();
    const begin = performance.now();
    for (let round = 0; round < times; round++) {
      left = peers.length;
      const heard = new Promise((resolve) => (settle = resolve));
      peers[0].raw.send(peers[0].make(JSON.stringify({ event: 'say', data })));
      await heard;
    }
    const ms = (performance.now() - begin) / times;
    for (const peer of peers) {
      peer.onMessage = undefined;
      if (peer.read() !== expected) throw new Error('not what was said');
    }
    return { count: peers.length * times, ms };
  },
});
