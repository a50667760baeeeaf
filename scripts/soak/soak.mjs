// A server under sealed load for a while: does it come back to the same size? Clients call, log in, shake hands anew
// when their channels end, and leave; others send what is to be refused. In between the load pauses, and the server says
// what is left of its heap after a collection, and how many handles it has. Against 127.0.0.1 alone.
//
//   npm run soak -- [minutes, 5]
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createE2eClient } from '../../dist/esm/client/index.js';
import { startChild } from '../bench/children.mjs';

const [minutes = 5] = process.argv.slice(2).map(Number);
/** Seconds that a channel lives. */
const CHANNEL_TTL = 20;
/** Small, so that what is bounded by it is full at once. */
const MAX_CHANNELS = 500;
/** How many unwrapped channels a server keeps at hand. Before they are there, its heap grows by right. */
const CACHED_CHANNELS = 10_000;
const WORKERS = 10;
/** Between two calls of a worker. */
const PAUSE_MS = 15;
const SAMPLE_EVERY_MS = Math.max(1_000, Math.min(10_000, (minutes * 60_000) / 30));
const MEGABYTE = 1_048_576;
const JSON_TYPE = { 'content-type': 'application/json' };

const server = await startChild('../soak/soak-server.mjs', { channelTtl: CHANNEL_TTL, maxChannels: MAX_CHANNELS }, [
  '--expose-gc',
]);
const baseUrl = `http://127.0.0.1:${server.facts.port}`;
const counts = { calls: 0, handshakes: 0, logins: 0, visitors: 0, refused: 0, failed: 0 };
let isRunning = true;
let gate = Promise.resolve();
let underWay = 0;
/** Messages of channels that have ended meanwhile, or will have. */
const old = [];

try {
  await fill();
  const load = Promise.all([...Array.from({ length: WORKERS }, (_, index) => worker(index)), visitors(), attacker()]);
  await pause(3_000);
  console.log(
    'minute      heap   external        RSS  handles  sockets   calls  handshakes  logins  visitors  refused',
  );
  const samples = [];
  for (const end = performance.now() + minutes * 60_000; performance.now() < end;) {
    await pause(SAMPLE_EVERY_MS);
    samples.push(await sample(minutes - (end - performance.now()) / 60_000));
  }
  isRunning = false;
  await load;
  judge(samples);
} finally {
  await server.stop();
}

/** As many handshakes as the server keeps channels at hand. */
async function fill() {
  const { publicKey } = generateKeyPairSync('x25519');
  const body = JSON.stringify({ publicKey: publicKey.export({ format: 'jwk' }) });
  for (let left = CACHED_CHANNELS; left > 0; left -= 20) {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`${baseUrl}/e2e/handshake`, { method: 'POST', headers: JSON_TYPE, body });
        await response.arrayBuffer();
      }),
    );
  }
}

function newClient(keyKind) {
  return createE2eClient({
    baseUrl,
    keyKind,
    fetch: async (href, init) => {
      if (href.endsWith('/handshake')) counts.handshakes++;
      const message = init.headers.get?.('e2e-request');
      if (message && Math.random() < 0.01 && old.length < 200) old.push({ href, init, at: Date.now() });
      return fetch(href, init);
    },
  });
}

/** While a sample is taken nothing is under way. */
async function call(work) {
  await gate;
  underWay++;
  try {
    await work();
    counts.calls++;
  } catch (error) {
    counts.failed++;
    if (counts.failed <= 5) console.error(error);
  } finally {
    underWay--;
  }
}

/** Stays, and logs in now and then. */
async function worker(index) {
  const client = newClient(index === 0 ? 'RSA' : index === 1 ? 'P-256' : 'X25519');
  const body = JSON.stringify({ text: 'x'.repeat(200 * index) });
  for (let turn = 0; isRunning; turn++) {
    await call(async () => {
      if (turn % 100 === 99) {
        await expectStatus(201, client.fetch('/login', { method: 'POST', headers: JSON_TYPE, body: '{}' }));
        counts.logins++;
      } else if (turn % 25 === 0) await expectStatus(500, client.fetch('/boom'));
      else if (turn % 25 === 1) await expectStatus(404, client.fetch('/nowhere'));
      else if (turn % 2 === 0) await expectStatus(200, client.fetch('/read?who=me'));
      else await expectStatus(201, client.fetch('/echo', { method: 'POST', headers: JSON_TYPE, body }));
    });
    await pause(PAUSE_MS);
  }
  client.close();
}

/** Come, look around, and leave without a word. */
async function visitors() {
  for (; isRunning; counts.visitors++) {
    await call(async () => {
      const client = newClient('X25519');
      for (let times = 0; times < 3; times++) await expectStatus(200, client.fetch('/read'));
      client.close();
    });
    await pause(300);
  }
}

/** Sends messages a second time, messages of channels that have ended, and garbage. */
async function attacker() {
  while (isRunning) {
    await call(async () => {
      const ripe = old.findIndex(({ at }) => Date.now() - at > (CHANNEL_TTL + 5) * 1000);
      const [{ href, init }] = ripe >= 0 ? old.splice(ripe, 1) : old.slice(0, 1).concat({});
      const response = href
        ? await fetch(href, init)
        : await fetch(`${baseUrl}/read`, { headers: { 'e2e-request': 'a.b.c.d.e' } });
      await response.arrayBuffer();
      if (![400, 409, 428].includes(response.status)) throw new Error(`not refused: ${response.status}`);
      counts.refused++;
    });
    await pause(50);
  }
}

async function expectStatus(status, promise) {
  const response = await promise;
  await response.arrayBuffer();
  if (response.status !== status) throw new Error(`${response.url} was answered with ${response.status}`);
}

async function sample(minute) {
  let open = () => undefined;
  gate = new Promise((resolve) => (open = () => resolve(undefined)));
  while (underWay > 0) await pause(5);
  const measured = await server.ask('measure');
  open();
  const { heap, external, rss, handles, sockets } = measured;
  const megabytes = [heap, external, rss].map((bytes) => `${(bytes / MEGABYTE).toFixed(1)} MB`.padStart(10));
  const numbers = [handles, sockets].map((number) => String(number).padStart(8));
  const { calls, handshakes, logins, visitors: seen, refused } = counts;
  const done = [
    [calls, 7],
    [handshakes, 11],
    [logins, 7],
    [seen, 9],
    [refused, 8],
  ].map(([number, width]) => String(number).padStart(width));
  console.log(`${minute.toFixed(1).padStart(6)}${[...megabytes, ...numbers, ...done].join(' ')}`);
  return measured;
}

/** The second half's first quarter beside its last. */
function judge(samples) {
  const half = samples.slice(Math.floor(samples.length / 2));
  const part = Math.max(1, Math.floor(half.length / 4));
  const [before, after] = [half.slice(0, part), half.slice(-part)].map((some) => ({
    heap: median(some.map(({ heap }) => heap)),
    handles: median(some.map(({ handles }) => handles)),
    sockets: median(some.map(({ sockets }) => sockets)),
  }));
  const growth = after.heap - before.heap;
  const share = growth / before.heap;
  const faults = [
    share > 0.1 && growth > 5 * MEGABYTE && 'the heap grew',
    after.handles > before.handles + 2 && 'the handles grew',
    after.sockets > before.sockets + 2 * WORKERS && 'the sockets grew',
    counts.failed > 0 && `${counts.failed} calls failed`,
  ].filter(Boolean);
  console.log(
    `\nsecond half: heap ${(before.heap / MEGABYTE).toFixed(1)} → ${(after.heap / MEGABYTE).toFixed(1)} MB ` +
      `(${(100 * share).toFixed(1)} %), handles ${before.handles} → ${after.handles}, ` +
      `sockets ${before.sockets} → ${after.sockets}`,
  );
  console.log(faults.length ? `NOT STEADY: ${faults.join('; ')}` : 'steady');
  process.exitCode = faults.length ? 1 : 0;
}

function median(numbers) {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
