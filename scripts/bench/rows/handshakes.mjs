import { Worker } from 'node:worker_threads';
import { startPair } from '../pair.mjs';
import { show, table } from '../report.mjs';
import { keyPairOf } from '../seal.mjs';
import { alternate, ascending, quantile, spread } from '../stats.mjs';

// Row 4: handshakes, with key pairs at hand and without, and what a flood of them does to everyone else.

const HYBRID = 'MLKEM768-X25519';
const KINDS = ['RSA', 'P-256', 'X25519', HYBRID];
/** More pairs than a batch of RSA handshakes takes; the pool of an application holds fewer. */
const POOL = { size: 32 };
const HANDSHAKES = 24;
const FLOOD = { connections: 16, requests: 400, pauseMs: 5 };

export const title = 'Handshakes';

export async function measure({ rounds, log }) {
  return { ...(await measureHandshakes(rounds, log)), ...(await measureFlood(rounds, log)) };
}

async function measureHandshakes(rounds, log) {
  const pair = await startPair({ server: { keyPool: POOL } });
  const figures = {};
  try {
    log('handshakes beside plain POSTs of 1 KiB');
    const contenders = ['plain', ...KINDS];
    const work = (name) => (name === 'plain' ? pair.batch('plain', 1024, 1000) : pair.handshakes(name, HANDSHAKES));
    await alternate(1, contenders, work);
    for (let warm = 0; warm < 4; warm++) await pair.handshakes('X25519', 400);
    const taken = await alternate(rounds, contenders, work);
    const p99 = {};
    for (const kind of KINDS) {
      const times = ascending(taken[kind].flatMap((batch) => batch.times));
      const put = (name, of) => (figures[`handshake.${kind}.${name}`] = spread(taken[kind].map(of)));
      put('throughput', (batch) => batch.throughput);
      put('cpu', (batch) => batch.cpu);
      put('ratio', (batch, round) => batch.throughput / taken.plain[round].throughput);
      p99[kind] = quantile(times, 0.99);
      figures[`handshake.${kind}.p50`] = spread([quantile(times, 0.5)]);
      figures[`handshake.${kind}.p99`] = spread([p99[kind]]);
    }
    figures['handshake.RSA.p99Ratio'] = spread([p99.RSA / p99.X25519]);
    log('RSA handshakes with the pool empty');
    await pair.handshakes('RSA', HANDSHAKES);
    await pair.handshakes('RSA', 8, { isWarm: false });
    const empty = await pair.handshakes('RSA', 24, { isWarm: false });
    const times = ascending(empty.times);
    figures['handshake.RSA, pool empty.throughput'] = spread([empty.throughput]);
    figures['handshake.RSA, pool empty.cpu'] = spread([empty.cpu]);
    figures['handshake.RSA, pool empty.p50'] = spread([quantile(times, 0.5)]);
    figures['handshake.RSA, pool empty.p99'] = spread([quantile(times, 0.99)]);
  } finally {
    await pair.stop();
  }
  return figures;
}

async function measureFlood(rounds, log) {
  const pair = await startPair({ load: { connections: 2 } });
  const base = `http://127.0.0.1:${pair.server.facts.port}`;
  const bodyOf = (kind) => JSON.stringify({ publicKey: keyPairOf(kind).jwk });
  const bodies = { flooded: bodyOf('RSA'), 'flooded, X25519': bodyOf('X25519'), 'flooded, hybrid': bodyOf(HYBRID) };
  const taken = { quiet: [], flooded: [], 'flooded, X25519': [], 'flooded, hybrid': [] };
  try {
    log('sealed requests while others shake hands');
    const honest = () => pair.batch('RSA', 1024, FLOOD.requests, { pauseMs: FLOOD.pauseMs });
    await honest();
    for (let round = 0; round < rounds; round++) {
      taken.quiet.push(await honest());
      for (const [name, body] of Object.entries(bodies)) {
        await pair.prepare('RSA', 1024, FLOOD.requests);
        const flood = startFlood(base, body);
        taken[name].push(await pair.run({ pauseMs: FLOOD.pauseMs }));
        await flood.stop();
      }
    }
  } finally {
    await pair.stop();
  }
  const figures = {};
  for (const [name, batches] of Object.entries(taken)) {
    for (const figure of ['p50', 'p99']) figures[`flood.${name}.${figure}`] = spread(batches.map((run) => run[figure]));
  }
  figures['flood.p99Ratio'] = spread(taken.flooded.map(({ p99 }, round) => p99 / taken.quiet[round].p99));
  return figures;
}

function startFlood(base, body) {
  const worker = new Worker(new URL('../../flood/flooder.mjs', import.meta.url), {
    workerData: { base, connections: FLOOD.connections, path: '/e2e/handshake', body },
  });
  return {
    stop: () =>
      new Promise((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
        worker.postMessage('stop');
      }),
  };
}

export function print(figures) {
  const names = Object.keys(figures).filter((key) => /^handshake\..*\.throughput$/.test(key));
  const handshakes = names.map((key) => {
    const kind = key.split('.')[1];
    const of = (name, digits) => show(figures[`handshake.${kind}.${name}`], digits);
    return [kind, of('throughput', 0), of('ratio', 2), of('cpu', 0), of('p50', 1), of('p99', 1)];
  });
  const on = `handshakes on ${FLOOD.connections} connections`;
  const labels = {
    quiet: 'nothing else',
    flooded: `RSA ${on}`,
    'flooded, X25519': `X25519 ${on}`,
    'flooded, hybrid': `${HYBRID} ${on}`,
  };
  const floods = Object.entries(labels).map(([name, label]) => [
    label,
    show(figures[`flood.${name}.p50`], 1),
    show(figures[`flood.${name}.p99`], 1),
  ]);
  return [
    table(['', 'a second', '÷ plain POSTs', 'CPU µs', 'median ms', '99 % ms'], handshakes),
    table(['Sealed requests of 1 KiB, while there is', 'median ms', '99 % ms'], floods),
  ].join('\n\n');
}
