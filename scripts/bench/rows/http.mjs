import { SIZE_NAMES } from '../bodies.mjs';
import { startPair } from '../pair.mjs';
import { show, table } from '../report.mjs';
import { alternate, spread } from '../stats.mjs';

// Row 1: sealed POSTs by kind of channel and by size, each round beside plain ones of the same application.
// Row 2: the same for what people would write themselves.

/** Requests of a batch: about half a second of a plain server's time. */
const COUNTS = { 200: 1000, 1024: 1000, 16384: 500, 65536: 250, 1048576: 30 };
/** Batches of each way without a record: before, the compiler is at work on its code and counted with it. */
const WARM_UP = { first: 10, later: 3 };
/** Where a request costs a multiple, fewer of them are as good. */
const SHARES = { 'plain JWE': 0.3, jose: 0.3, forge: 0.03 };

export const title = 'POST, echo of a JSON body';

export function measure({ sizes, ways, rounds, profile, log }) {
  return measureWays('http', sizes ?? [200, 1024, 16384, 65536, 1048576], ways, rounds, profile, log);
}

export async function measureWays(prefix, sizes, ways, rounds, profile, log) {
  const pair = await startPair({ profile });
  try {
    return await takeRounds(pair, prefix, sizes, ways, rounds, log);
  } finally {
    await pair.stop();
  }
}

export async function takeRounds(pair, prefix, sizes, ways, rounds, log) {
  const figures = {};
  for (const size of sizes) {
    const names = ['plain', ...ways];
    const count = (way) => Math.max(8, Math.round(COUNTS[size] * (SHARES[way] ?? 1)));
    log(`${SIZE_NAMES[size]}: ${names.join(', ')}`);
    await alternate(size === sizes[0] ? WARM_UP.first : WARM_UP.later, names, (way) =>
      pair.batch(way, size, count(way)),
    );
    const taken = await alternate(rounds, names, (way) => pair.batch(way, size, count(way)));
    Object.assign(figures, compare(prefix, size, taken));
  }
  return figures;
}

/** Each way beside the plain batch of its own round: what disturbed one disturbed the other. */
export function compare(prefix, size, taken) {
  const figures = {};
  for (const [way, batches] of Object.entries(taken)) {
    const put = (name, of) => (figures[`${prefix}.${size}.${way}.${name}`] = spread(batches.map(of)));
    for (const name of ['throughput', 'cpu', 'p50', 'p99', 'requestBytes']) put(name, (batch) => batch[name]);
    if (way === 'plain') continue;
    const { plain } = taken;
    put('cpuRatio', ({ cpu }, round) => plain[round].cpu / cpu);
    put('throughputRatio', ({ throughput }, round) => throughput / plain[round].throughput);
    put('p99Ratio', ({ p99 }, round) => p99 / plain[round].p99);
    put('bytesRatio', ({ requestBytes }, round) => requestBytes / plain[round].requestBytes);
  }
  return figures;
}

export function print(figures, prefix = 'http') {
  const lines = [];
  for (const size of Object.keys(SIZE_NAMES)) {
    for (const way of waysOf(figures, prefix, size)) {
      const of = (name) => figures[`${prefix}.${size}.${way}.${name}`];
      lines.push([
        `${SIZE_NAMES[size]}, ${way}`,
        show(of('cpu'), 0),
        show(of('cpuRatio')),
        show(of('throughput'), 0),
        show(of('throughputRatio')),
        show(of('p50'), 1),
        show(of('p99'), 1),
        show(of('p99Ratio')),
      ]);
    }
  }
  return table(['', 'CPU µs', 'plain ÷ it', 'a second', 'it ÷ plain', 'median ms', '99 % ms', 'it ÷ plain'], lines);
}

function waysOf(figures, prefix, size) {
  const names = Object.keys(figures).map((key) => key.split('.'));
  return names.filter(([p, s, , name]) => p === prefix && s === size && name === 'cpu').map(([, , way]) => way);
}
