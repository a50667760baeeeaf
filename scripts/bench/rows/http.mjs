import { SIZE_NAMES } from '../bodies.mjs';
import { startChild } from '../children.mjs';
import { startPair } from '../pair.mjs';
import { show, table } from '../report.mjs';
import { alternate, spread } from '../stats.mjs';

// Row 1: POSTs by platform, size and kind of channel. Each round has a batch of everything: of an application without the
// module, of the plain and the sealed route of one with it, and of what the cryptography and JSON alone must cost.

/** Requests of a batch: about half a second of a plain server's time. */
const COUNTS = { 200: 1000, 1024: 1000, 16384: 500, 65536: 250, 1048576: 30 };
/** Batches of each way without a record: before, the compiler is at work on its code and counted with it. */
const WARM_UP = { first: 10, later: 3 };
/** Where a request costs a multiple, fewer of them are as good. */
const SHARES = { 'plain JWE': 0.3, jose: 0.3, forge: 0.03 };

const NAMES = { express: 'Express', fastify: 'Fastify' };
const ALONE = 'no module';
/** Express' own requests, widened as sealed ones are: what is left is what sealing costs, and not what Express does. */
const PREALLOCATED = 'no module, preallocated';
/** The same application, with a handler that encrypts by hand: no channel and no checks. */
const BY_HAND = 'no module, AES by hand';
const LIMIT = 'limit';

export const title = 'POST, echo of a JSON body';

export async function measure({ platforms = Object.keys(NAMES), sizes, ways, rounds, profile, log }) {
  const figures = {};
  for (const platform of platforms) {
    const { contenders, stop } = await startContenders(platform, ways, profile);
    try {
      for (const [index, size] of (sizes ?? Object.keys(COUNTS).map(Number)).entries()) {
        log(`${platform}, ${SIZE_NAMES[size]}: ${Object.keys(contenders).join(', ')}`);
        const taken = await takeRounds(contenders, size, rounds, index === 0);
        const prefix = `http.${platform}`;
        Object.assign(figures, compare(prefix, size, taken, ALONE), compareWithLeast(prefix, size, taken, ways));
      }
    } finally {
      await stop();
    }
  }
  return figures;
}

/** A server and a load for each application. */
async function startContenders(platform, ways, profile) {
  const withoutModule = (options) =>
    startPair({
      server: { platform, hasModule: false, ...options },
      load: { isSealing: false, hello: '/plain/begin' },
    });
  const alone = await withoutModule({});
  const preallocated = platform === 'express' ? await withoutModule({ isPreallocated: true }) : undefined;
  const sealing = await startPair({ server: { platform }, profile });
  const harness = await startChild('./harness.mjs');
  const of = (pair, way) => (size, count) => pair.batch(way, size, count);
  return {
    contenders: {
      [ALONE]: of(alone, 'plain'),
      [BY_HAND]: of(alone, 'by-hand'),
      ...(preallocated && { [PREALLOCATED]: of(preallocated, 'plain') }),
      plain: of(sealing, 'plain'),
      ...Object.fromEntries(ways.map((way) => [way, of(sealing, way)])),
      [LIMIT]: (size, count) => harness.ask('least', size, count),
    },
    stop: async () => {
      for (const each of [alone, preallocated, sealing, harness]) await each?.stop();
    },
  };
}

/** The ways of one application, beside its plain route. */
export async function measureWays(prefix, pair, sizes, ways, rounds, log) {
  const contenders = Object.fromEntries(
    ['plain', ...ways].map((way) => [way, (size, count) => pair.batch(way, size, count)]),
  );
  const figures = {};
  for (const [index, size] of sizes.entries()) {
    log(`${SIZE_NAMES[size]}: ${Object.keys(contenders).join(', ')}`);
    Object.assign(figures, compare(prefix, size, await takeRounds(contenders, size, rounds, index === 0), 'plain'));
  }
  return figures;
}

/** @returns {Promise<Record<string, any[]>>} the batches of each contender, a round after the other */
async function takeRounds(contenders, size, rounds, isFirst) {
  const names = Object.keys(contenders);
  const batch = (name) => contenders[name](size, Math.max(8, Math.round(COUNTS[size] * (SHARES[name] ?? 1))));
  await alternate(isFirst ? WARM_UP.first : WARM_UP.later, names, batch);
  return alternate(rounds, names, batch);
}

/** Each way beside the batch of `base` in its own round: what disturbed one disturbed the other. */
function compare(prefix, size, all, base) {
  const taken = Object.fromEntries(Object.entries(all).filter(([way]) => way !== LIMIT));
  const figures = {};
  for (const [way, batches] of Object.entries(taken)) {
    const put = (name, of) => (figures[`${prefix}.${size}.${way}.${name}`] = spread(batches.map(of)));
    for (const name of ['throughput', 'cpu', 'p50', 'p99', 'requestBytes']) put(name, (batch) => batch[name]);
    if (way === base) continue;
    const beside = taken[base];
    put('cpuRatio', ({ cpu }, round) => beside[round].cpu / cpu);
    put('throughputRatio', ({ throughput }, round) => throughput / beside[round].throughput);
    put('p99Ratio', ({ p99 }, round) => p99 / beside[round].p99);
    put('bytesRatio', ({ requestBytes }, round) => requestBytes / beside[round].requestBytes);
  }
  return figures;
}

/** What sealing adds, beside what it cannot do without; and sealed requests beside plain ones that are widened as they are. */
function compareWithLeast(prefix, size, taken, ways) {
  const figures = { [`${prefix}.${size}.limit`]: spread(taken[LIMIT].map(({ cpu }) => cpu)) };
  for (const way of ways) {
    const put = (name, of) => (figures[`${prefix}.${size}.${way}.${name}`] = spread(taken[way].map(of)));
    const added = (cpu, round) => cpu - taken[ALONE][round].cpu;
    put('plainRatio', ({ cpu }, round) => taken.plain[round].cpu / cpu);
    put('addedToLimit', ({ cpu }, round) => added(cpu, round) / taken[LIMIT][round].cpu);
    put('byHandRatio', ({ cpu }, round) => taken[BY_HAND][round].cpu / cpu);
    if (taken[PREALLOCATED]) put('preallocatedRatio', ({ cpu }, round) => taken[PREALLOCATED][round].cpu / cpu);
  }
  return figures;
}

/** @type {[string, string?, number?][]} A column's head, the figure in it, and that one's digits. */
const COLUMNS = [
  ['CPU µs', 'cpu', 0],
  ['base ÷ it', 'cpuRatio'],
  ['plain ÷ it', 'plainRatio'],
  ['preallocated ÷ it', 'preallocatedRatio'],
  ['AES by hand ÷ it', 'byHandRatio'],
  ['added ÷ limit', 'addedToLimit'],
  ['a second', 'throughput', 0],
  ['it ÷ base', 'throughputRatio'],
  ['median ms', 'p50', 1],
  ['99 % ms', 'p99', 1],
  ['it ÷ base', 'p99Ratio'],
];

export function print(figures) {
  return Object.entries(NAMES)
    .filter(([platform]) => waysOf(figures, `http.${platform}`).length > 0)
    .map(([platform, name]) => `${name}:\n\n${printWays(figures, `http.${platform}`, ALONE)}`)
    .join('\n\n');
}

export function printWays(figures, prefix, base = 'plain') {
  const ways = waysOf(figures, prefix);
  const of = (way, name) => figures[`${prefix}.${way.join('.')}.${name}`];
  const columns = COLUMNS.filter(([, name]) => ways.some((way) => of(way, name)));
  return table(
    ['', ...columns.map(([head]) => head.replace('base', base))],
    ways.map((way) => [
      `${SIZE_NAMES[way[0]]}, ${way[1]}`,
      ...columns.map(([, name, digits]) => show(of(way, name), digits)),
    ]),
  );
}

/** @returns {string[][]} the sizes and ways that were measured, in the order of both */
function waysOf(figures, prefix) {
  return Object.keys(figures)
    .filter((key) => key.startsWith(`${prefix}.`) && key.endsWith('.cpu'))
    .map((key) => key.slice(prefix.length + 1, -'.cpu'.length).split('.'))
    .sort(([one], [other]) => Number(one) - Number(other));
}
