import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { parse } from 'node:querystring';
import { KeyPool } from '../../dist/esm/channel/key-pool.js';
import { RECORDS_PER_CHANNEL } from '../../dist/esm/channel/store/channel-record.js';
import { MemoryRecords } from '../../dist/esm/channel/store/records.js';
import { MemoryReplayGuard } from '../../dist/esm/channel/replay.js';
import { nodeEngine } from '../../dist/esm/crypto/node.js';
import { putPlainRequest } from '../../dist/esm/nest/exchange/plain-request.js';
import { sealAnswer } from '../../dist/esm/nest/exchange/sealed-answer.js';
import { parsePublicKey } from '../../dist/esm/protocol/keys.js';
import { makeChannels, SESSION } from '../support/loopback.mjs';
import { jsonOf } from './bodies.mjs';
import { answerParent } from './children.mjs';
import { echoByHand, sealText } from './least.mjs';
import { channelOf, keyPairOf, seal } from './seal.mjs';
import { alternate, spread } from './stats.mjs';

// The library alone, without HTTP and without Nest around it: what `Exchange` does to a message, step by step.

const TARGET = '/sealed/echo';
const BINDING = { place: 'body', method: 'POST', target: TARGET, idem: undefined };
const DECODING = {
  maxBodyDepth: 128,
  sealedHeaders: [],
  parseQuery: parse,
  queryTag: () => '',
  /** What Express' parser of JSON comes down to. */
  putBody: async (request, _response, body) => void (request.body = JSON.parse(body.toString())),
  putStream: async () => undefined,
};
const SEALING = { padding: false, isEarly: false, sealedHeaders: ['location'] };
/** Requests belong to a socket; nothing is read from this one. */
const NO_SOCKET = new Socket();
const KINDS = ['RSA', 'P-256', 'X25519'];

/** From the message's text to the answer's: opened, admitted, parsed, an echo made of it, sealed. */
async function exchange(channels, text, session = SESSION.id) {
  const opened = await channels.open(session, text, BINDING);
  await channels.admit(session, opened, Date.now() / 1000);
  /** @type {IncomingMessage & { body?: unknown }} */
  const request = new IncomingMessage(NO_SOCKET);
  await putPlainRequest(request, {}, { text, place: 'body', besideBody: false }, opened, DECODING, () => undefined);
  const body = Buffer.from(JSON.stringify(request.body));
  const answer = { status: 201, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
  const { wire } = sealAnswer(opened, answer, SEALING);
  if (!('writer' in wire)) return wire.body;
  const pieces = [wire.start];
  const frames = wire.writer.end(body);
  for (;;) {
    const frame = frames.next();
    if (frame.done === true) return Buffer.concat([...pieces, frame.value]);
    pieces.push(...frame.value);
  }
}

async function shakeHands(channels, kind, session = SESSION, pair = keyPairOf(kind)) {
  return channelOf(pair, await channels.handshake(session, parsePublicKey({ ...pair.jwk })));
}

/** Microseconds of CPU time, as everywhere: what the clock says, others on the machine have a part in. */
async function cpuOf(count, work) {
  const begin = process.cpuUsage();
  for (let index = 0; index < count; index++) await work(index);
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / count;
}

async function least(size, count) {
  const text = sealText(jsonOf(size));
  return { cpu: await cpuOf(count, () => echoByHand(text)) };
}

async function library(size, rounds, count) {
  const channels = makeChannels();
  const channel = await shakeHands(channels, 'RSA');
  const plaintext = Buffer.from(jsonOf(size));
  const text = sealText(jsonOf(size));
  const measure = (name) => {
    if (name === 'limit') return cpuOf(count, () => echoByHand(text));
    // Made ahead, each with its own number.
    const messages = Array.from({ length: count }, () => seal(channel, 'dir', TARGET, plaintext));
    return cpuOf(count, (index) => exchange(channels, messages[index]));
  };
  await alternate(3, ['library', 'limit'], measure);
  const taken = await alternate(rounds, ['library', 'limit'], measure);
  return {
    library: spread(taken.library),
    limit: spread(taken.limit),
    ratio: spread(taken.library.map((value, round) => value / taken.limit[round])),
    rate: spread(taken.library.map((us) => size / us)),
  };
}

/** A channel's first message on a server that has only its record, and the ones after it. */
async function cold(kind, rounds) {
  const shared = { records: new MemoryRecords(100), replay: new MemoryReplayGuard() };
  const channel = await shakeHands(makeChannels(shared), kind);
  const plaintext = Buffer.from(jsonOf(1024));
  const times = { cold: [], warm: [] };
  const timed = async (channels) => {
    const message = seal(channel, 'dir', TARGET, plaintext);
    const begin = performance.now();
    await exchange(channels, message);
    return (performance.now() - begin) * 1000;
  };
  for (let round = -20; round < rounds; round++) {
    const server = makeChannels({ ...shared, pool: undefined });
    const first = await timed(server);
    const later = [];
    for (let index = 0; index < 10; index++) later.push(await timed(server));
    if (round < 0) continue;
    times.cold.push(first);
    times.warm.push(spread(later).median);
  }
  return {
    cold: spread(times.cold),
    warm: spread(times.warm),
    ratio: spread(times.cold.map((value, round) => value / times.warm[round])),
  };
}

/** Channels in use, each of a session of its own: what one takes of the memory, and what the next costs beside them. */
async function live(kind, count) {
  // Room for those that come before and after the measured ones: a full memory gives newcomers up.
  const room = count + 1000;
  const records = new MemoryRecords(RECORDS_PER_CHANNEL * room);
  const replay = new MemoryReplayGuard(room);
  const pool = new KeyPool(nodeEngine, 2048, { size: 2, making: 1 });
  const channels = makeChannels({ records, replay, pool, cached: room });
  const pair = keyPairOf(kind);
  const plaintext = Buffer.from(jsonOf(200));
  const sessionOf = (index) => ({ ...SESSION, id: `session ${index}` });
  const join = async (index) => {
    const channel = await shakeHands(channels, kind, sessionOf(index), pair);
    await exchange(channels, seal(channel, 'dir', TARGET, plaintext), sessionOf(index).id);
    return channel;
  };
  for (let index = 0; index < 50; index++) await join(`before ${index}`);
  const before = memory();
  for (let index = 0; index < count; index++) await join(index);
  const after = memory();

  const handshakes = [];
  const requests = [];
  if (kind !== 'RSA') {
    for (let round = 0; round < 200; round++) {
      const begin = performance.now();
      const answer = await channels.handshake(sessionOf(`late ${round}`), parsePublicKey({ ...pair.jwk }));
      handshakes.push((performance.now() - begin) * 1000);
      const channel = channelOf(pair, answer);
      for (let index = 0; index < 5; index++) {
        const message = seal(channel, 'dir', TARGET, plaintext);
        const sent = performance.now();
        await exchange(channels, message, sessionOf(`late ${round}`).id);
        if (index > 0) requests.push((performance.now() - sent) * 1000);
      }
    }
  }
  pool.stop();
  return {
    heap: spread([(after.heap - before.heap) / count / 1024]),
    resident: spread([(after.resident - before.resident) / count / 1024]),
    ...(handshakes.length > 0 && { handshake: spread(handshakes), request: spread(requests) }),
  };
}

function memory() {
  for (let index = 0; index < 3; index++) globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}

/** Bytes of a channel's record, as it stands in a session store. */
async function record(kind) {
  const sizes = new Map();
  const records = new MemoryRecords(10);
  const set = records.set.bind(records);
  records.set = (name, value, end) => {
    sizes.set(name.split(':')[0], value.length);
    return set(name, value, end);
  };
  await shakeHands(makeChannels({ records }), kind);
  return { channel: spread([sizes.get('channel')]), session: spread([sizes.get('session')]) };
}

answerParent({ library, least, cold, live, record }, { kinds: KINDS });
