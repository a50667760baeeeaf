import { startChild } from '../children.mjs';
import { show, table } from '../report.mjs';
import { alternate, spread } from '../stats.mjs';

// Row 10: sealed sockets beside plain ones of the same application: an echo, a broadcast, and what one takes of the heap.
// What is sealed and opened by hand, in the same handler, says how much of it is AES.

const WAYS = ['plain', 'sealed'];
const ECHOES = ['plain', 'sealed', 'least'];
const NAMES = { plain: 'plain', sealed: 'sealed', least: 'plain, and AES by hand' };
const CONNECTIONS = 8;
/** Sealed sockets with a session and a channel each, and all on one channel. */
const HELD = { plain: {}, 'sealed, one channel': { isShared: true }, 'sealed, a channel each': {} };

export const title = 'Sockets';

export async function measure({ sizes = [1024], rounds, messages, listeners, sockets, profile, log }) {
  const figures = {};
  const profiling = profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [];
  const server = await startChild('./socket-server.mjs', {}, profiling);
  const load = await startChild('./socket-load.mjs', server.facts);
  const cpuOf = async (work) => {
    const before = await server.ask('cpu');
    const { count, ...measured } = await work();
    return { ...measured, cpu: ((await server.ask('cpu')) - before) / count };
  };
  try {
    for (const way of ECHOES) await load.ask('hold', way, CONNECTIONS);
    for (const size of sizes) {
      log(`an echo of ${size} bytes`);
      await server.ask('exchange', size);
      const echo = async (way) => {
        await load.ask('prepare', way, size, messages);
        return cpuOf(() => load.ask('run'));
      };
      await alternate(2, ECHOES, echo);
      compare(figures, `socket.echo.${size}`, await alternate(rounds, ECHOES, echo), ['cpu', 'rate']);
    }
    log(`a broadcast to ${listeners}`);
    for (const way of WAYS) await load.ask('hold', way, listeners);
    const broadcast = (way) => cpuOf(() => load.ask('broadcast', way, 1024, 10));
    await alternate(2, WAYS, broadcast);
    compare(figures, `socket.broadcast.${listeners}`, await alternate(rounds, WAYS, broadcast), ['cpu', 'ms']);
  } finally {
    await load.stop();
    await server.stop();
  }
  for (const [name, options] of Object.entries(HELD)) {
    log(`${sockets} open sockets, ${name}`);
    const { heap, resident } = await held(name.split(',')[0], sockets, options);
    figures[`socket.held.${sockets}.${name}.heap`] = spread([heap]);
    figures[`socket.held.${sockets}.${name}.resident`] = spread([resident]);
  }
  return figures;
}

/** KiB of an open socket, in a process that none was open in before. */
async function held(way, count, options) {
  const server = await startChild('./socket-server.mjs', {}, ['--expose-gc']);
  const load = await startChild('./socket-load.mjs', server.facts);
  try {
    await load.ask('hold', way, 50, options);
    const before = await server.ask('memory');
    await load.ask('hold', way, 50 + count, options);
    const after = await server.ask('memory');
    const each = (of) => (after[of] - before[of]) / count / 1024;
    return { heap: each('heap'), resident: each('resident') };
  } finally {
    await load.stop();
    await server.stop();
  }
}

/** @param {Record<string, any[]>} taken */
function compare(figures, name, taken, measures) {
  for (const way of Object.keys(taken)) {
    for (const of of measures) figures[`${name}.${way}.${of}`] = spread(taken[way].map((each) => each[of]));
    const ratio = taken[way].map(({ cpu }, round) => taken.plain[round].cpu / cpu);
    if (way !== 'plain') figures[`${name}.${way}.cpuRatio`] = spread(ratio);
  }
}

export function print(figures) {
  const namesOf = (pattern) => [
    ...new Set(Object.keys(figures).flatMap((key) => pattern.exec(key)?.slice(1, 2) ?? [])),
  ];
  const rowsOf = (names, labelOf, second, digits) =>
    names.flatMap((name) =>
      ECHOES.filter((way) => figures[`${name}.${way}.cpu`]).map((way) => [
        `${labelOf(name)}, ${NAMES[way]}`,
        show(figures[`${name}.${way}.cpu`], 1),
        show(figures[`${name}.${way}.cpuRatio`]),
        show(figures[`${name}.${way}.${second}`], digits),
      ]),
    );
  const size = (name) => Number(name.split('.')[2]).toLocaleString('en-US');
  const echoes = rowsOf(namesOf(/^(socket\.echo\.\d+)\./), (name) => `echo of ${size(name)} B`, 'rate', 0);
  const casts = rowsOf(namesOf(/^(socket\.broadcast\.\d+)\./), (name) => `1 KiB to ${size(name)}`, 'ms', 1);
  const held = namesOf(/^(socket\.held\.\d+\.[^.]+)\./).map((name) => {
    const [, , count, way] = name.split('.');
    const label = `${Number(count).toLocaleString('en-US')} open, ${way}`;
    return [label, show(figures[`${name}.heap`], 1), show(figures[`${name}.resident`], 1)];
  });
  return [
    table(['', 'server CPU µs a message', 'plain ÷ it', 'a second'], echoes),
    table(['broadcast', 'server CPU µs a listener', 'plain ÷ it', 'ms until all have it'], casts),
    table(['', 'heap KiB each', 'resident KiB each'], held),
  ].join('\n\n');
}
