import { startChild } from '../children.mjs';
import { show, table } from '../report.mjs';
import { alternate, spread } from '../stats.mjs';

// Row 9: bodies in frames beside plain ones: throughput, the server's memory, the first byte, open streams of events. What
// is sealed by hand, in the same application, says how much of it is AES.

const MEBIBYTE = 2 ** 20;
const WAYS = ['plain', 'sealed'];
const TRANSFERS = [...WAYS, 'least'];
const FIRST_BYTES = 200;
/** The payload of 1 Gbit/s Ethernet, in MiB a second. */
const LINK = (1e9 / 8 / MEBIBYTE) * (1448 / 1538);

export const title = 'Streams';

export async function measure({ bytes, streams, rounds, platforms = ['express', 'fastify'], profile, log }) {
  const figures = {};
  for (const platform of platforms) {
    const profiling = profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [];
    const server = await startChild('./stream-server.mjs', { platform }, ['--expose-gc', ...profiling]);
    const load = await startChild('./stream-load.mjs', server.facts, profiling);
    try {
      for (const direction of ['download', 'upload']) {
        log(`${direction} of ${bytes / MEBIBYTE} MiB, ${platform}`);
        for (const way of TRANSFERS) await load.ask(direction, way, Math.min(bytes, 64 * MEBIBYTE));
        const taken = await alternate(rounds, TRANSFERS, (way) => transfer(server, load, direction, way, bytes));
        compare(figures, `stream.${platform}.${direction}`, taken);
      }
      log(`the first byte, ${platform}`);
      for (const way of WAYS) await load.ask('download', way, 1024);
      const firsts = await alternate(FIRST_BYTES, WAYS, async (way) => (await load.ask('download', way, 1024)).first);
      for (const way of WAYS) figures[`stream.${platform}.first.${way}`] = spread(firsts[way]);
      figures[`stream.${platform}.first.ratio`] = spread(firsts.sealed.map((ms, round) => ms / firsts.plain[round]));
      log(`${streams} streams of events, ${platform}`);
      const heaps = {};
      for (const way of WAYS) heaps[way] = await heapOf(server, load, way, streams);
      const more = (heaps.sealed - heaps.plain) / 1024;
      figures[`stream.${platform}.events.heap`] = { ...spread([more]), rounds: 1 };
    } finally {
      await load.stop();
      await server.stop();
    }
  }
  return figures;
}

async function transfer(server, load, direction, way, bytes) {
  const { resident } = await server.ask('memory');
  const [before, loadBefore] = [await server.ask('cpu'), await load.ask('cpu')];
  const { all } = await load.ask(direction, way, bytes);
  const cpu = (await server.ask('cpu')) - before;
  const grown = (await server.ask('mostResident')) - resident;
  const clientCpu = (await load.ask('cpu')) - loadBefore;
  const mebibytes = bytes / MEBIBYTE;
  return {
    rate: mebibytes / (all / 1000),
    cpu: cpu / mebibytes,
    clientCpu: clientCpu / mebibytes,
    grown: grown / MEBIBYTE,
  };
}

/** @param {Record<string, any[]>} taken */
function compare(figures, name, taken) {
  const { plain, sealed, least } = taken;
  for (const way of TRANSFERS) {
    for (const of of ['rate', 'cpu', 'clientCpu', 'grown']) {
      figures[`${name}.${way}.${of}`] = spread(taken[way].map((each) => each[of]));
    }
  }
  figures[`${name}.ratio`] = spread(sealed.map(({ rate }, round) => rate / plain[round].rate));
  figures[`${name}.leastRatio`] = spread(least.map(({ rate }, round) => rate / plain[round].rate));
  figures[`${name}.linkRatio`] = spread(
    sealed.map(({ rate }, round) => Math.min(rate, LINK) / Math.min(plain[round].rate, LINK)),
  );
  figures[`${name}.cpuRatio`] = spread(sealed.map(({ cpu }, round) => plain[round].cpu / cpu));
}

/** Of a stream of events that is open, in bytes. */
async function heapOf(server, load, way, streams) {
  await load.ask('hold', way, 10);
  const { heap: before } = await server.ask('memory');
  await load.ask('hold', way, streams);
  const { heap } = await server.ask('memory');
  await load.ask('letGo');
  return (heap - before) / streams;
}

const NAMES = { plain: 'plain', sealed: 'sealed', least: 'AES by hand' };

export function print(figures) {
  const platforms = ['express', 'fastify'].filter((name) => figures[`stream.${name}.events.heap`]);
  const lines = platforms.flatMap((platform) =>
    ['download', 'upload'].flatMap((direction) =>
      TRANSFERS.map((way) => {
        const name = `stream.${platform}.${direction}`;
        const of = (figure) => figures[`${name}.${way}.${figure}`];
        const ratio = { plain: undefined, sealed: figures[`${name}.ratio`], least: figures[`${name}.leastRatio`] }[way];
        return [
          `${direction}, ${NAMES[way]}, ${platform}`,
          show(of('rate'), 0),
          ratio ? show(ratio) : '–',
          show(of('cpu'), 0),
          show(of('clientCpu'), 0),
          show(of('grown'), 0),
        ];
      }),
    ),
  );
  const links = platforms.flatMap((platform) =>
    ['download', 'upload'].map(
      (direction) => `${direction}, ${platform}: ${show(figures[`stream.${platform}.${direction}.linkRatio`])}`,
    ),
  );
  const others = platforms.map((platform) => {
    const of = (name) => figures[`stream.${platform}.${name}`];
    return [
      platform,
      show(of('first.plain'), 1),
      show(of('first.sealed'), 1),
      show(of('first.ratio')),
      show(of('events.heap'), 1),
    ];
  });
  return [
    table(['', 'MiB a second', 'it ÷ plain', 'server CPU µs a MiB', 'client CPU', 'memory grows by, MiB'], lines),
    `"AES by hand" is the least that frames can cost: the same handlers, each 64 KiB under AES-256-GCM and nothing else. At ` +
      `1 Gbit/s, where the link is slower than loopback, sealed ÷ plain would be (computed from the rates above): ` +
      `${links.join('; ')}.`,
    table(['', 'first byte ms, plain', 'sealed', 'sealed ÷ plain', 'an open stream, KiB more than plain'], others),
  ].join('\n\n');
}
