import { SIZE_NAMES } from './bodies.mjs';
import { show, table } from './report.mjs';

// What the library is held against: goals, which say where it is to get, and floors, below which `--floors` fails.

/** @typedef {{ name: string, figure: string, least?: number, most?: number }} Goal */

const PLATFORMS = { express: 'Express', fastify: 'Fastify' };

/** What of the speed of an application without the module is left, by platform and size. */
const LEFT = { express: { 1024: 0.9, 65536: 0.85, 1048576: 0.9 }, fastify: { 1024: 0.75, 65536: 0.85, 1048576: 0.9 } };

/**
 * Below which the checks fail: a little under what was reached, so that it gets no worse. 0.7, 0.65, 0.55 and 0.65 are
 * wanted here, and docs/performance.md says what bounds them.
 */
const HELD = { express: { 1024: 0.55, 65536: 0.4 }, fastify: { 1024: 0.35, 65536: 0.4 } };

/** @type {Goal[]} */
const HTTP = Object.entries(LEFT).flatMap(([platform, sizes]) => [
  {
    name: `CPU, no module ÷ plain route, 1 KiB, ${PLATFORMS[platform]}`,
    figure: `http.${platform}.1024.plain.cpuRatio`,
    least: 0.97,
  },
  ...Object.entries(sizes).map(([size, least]) => ({
    name: `CPU, no module ÷ sealed, ${SIZE_NAMES[size]}, ${PLATFORMS[platform]}`,
    figure: `http.${platform}.${size}.RSA.cpuRatio`,
    least,
  })),
  {
    name: `CPU, added ÷ limit, 1 KiB, ${PLATFORMS[platform]}`,
    figure: `http.${platform}.1024.RSA.addedToLimit`,
    most: 2.5,
  },
]);

/** @type {Goal[]} */
const STREAMS = ['express', 'fastify'].flatMap((platform) => [
  ...['download', 'upload'].flatMap((direction) => [
    { name: `${direction}, sealed ÷ plain, ${platform}`, figure: `stream.${platform}.${direction}.ratio`, least: 0.8 },
    {
      name: `${direction}, memory of the server grows by, MiB, ${platform}`,
      figure: `stream.${platform}.${direction}.sealed.grown`,
      most: 64,
    },
  ]),
  { name: `first byte, sealed ÷ plain, ${platform}`, figure: `stream.${platform}.first.ratio`, most: 1.5 },
  { name: `an open stream, KiB more than plain, ${platform}`, figure: `stream.${platform}.events.heap`, most: 20 },
]);

/** @type {Goal[]} */
export const GOALS = [
  ...HTTP,
  {
    name: 'CPU, no module, preallocated ÷ sealed, 1 KiB, Express',
    figure: 'http.express.1024.RSA.preallocatedRatio',
    least: 0.7,
  },
  { name: 'library alone ÷ the least possible, 1 KiB', figure: 'library.1024.ratio', most: 1.6 },
  { name: 'library alone ÷ the least possible, 64 KiB', figure: 'library.65536.ratio', most: 1.15 },
  { name: 'library alone ÷ the least possible, 1 MiB', figure: 'library.1048576.ratio', most: 1.1 },
  { name: 'X25519 handshakes ÷ plain POSTs a second', figure: 'handshake.X25519.ratio', least: 0.5 },
  { name: '99 % of RSA ÷ X25519 handshakes, pool warm', figure: 'handshake.RSA.p99Ratio', most: 3 },
  { name: '99 % of sealed requests, RSA flood ÷ without', figure: 'flood.p99Ratio', most: 2 },
  { name: "a channel's first message ÷ later ones, library", figure: 'cold.RSA.ratio', most: 10 },
  { name: 'client without forge, brotli, kB: loaded at once', figure: 'bundle.initial.brotli', most: 4 },
  { name: 'client without forge, brotli, kB: by the first call, in all', figure: 'bundle.default.brotli', most: 8 },
  { name: 'bytes of a 1 KiB body, sealed ÷ plain, RSA', figure: 'http.express.1024.RSA.bytesRatio', most: 1.7 },
  { name: 'bytes of a 1 KiB body, sealed ÷ plain, X25519', figure: 'http.express.1024.X25519.bytesRatio', most: 1.65 },
  { name: 'memory of a live channel, KiB', figure: 'memory.X25519.1000', most: 2 },
  { name: 'record in the store, RSA, bytes', figure: 'record.RSA', most: 3072 },
  { name: 'record in the store, X25519, bytes', figure: 'record.X25519', most: 800 },
  ...STREAMS,
  {
    name: 'server CPU of an echo over a socket, plain ÷ sealed, 1 KiB',
    figure: 'socket.echo.1024.sealed.cpuRatio',
    least: 0.8,
  },
];

/**
 * What the checks hold, each with the row that measures it.
 *
 * @type {(Goal & { row: string })[]}
 */
export const FLOORS = [
  ...Object.entries(HELD).flatMap(([platform, sizes]) => [
    {
      name: `CPU, no module ÷ plain route, 1 KiB, ${PLATFORMS[platform]}`,
      figure: `http.${platform}.1024.plain.cpuRatio`,
      least: 0.8,
      row: '1',
    },
    ...Object.entries(sizes).map(([size, least]) => ({
      name: `CPU, no module ÷ sealed, ${SIZE_NAMES[size]}, ${PLATFORMS[platform]}`,
      figure: `http.${platform}.${size}.RSA.cpuRatio`,
      least,
      row: '1',
    })),
  ]),
  { name: 'client without forge, brotli, kB: loaded at once', figure: 'bundle.initial.brotli', most: 3.5, row: '7' },
  {
    name: 'client without forge, brotli, kB: by the first call',
    figure: 'bundle.default.brotli',
    most: 16,
    row: '7',
  },
];

/** Whether the median is where it is to be; `undefined` where it was not measured. */
/** @param {Goal} goal */
export function isMet({ figure, least, most }, figures) {
  const value = figures[figure]?.median;
  if (value === undefined) return undefined;
  return least === undefined ? value <= most : value >= least;
}

export function goalTable(goals, figures) {
  const lines = goals
    .filter(({ figure }) => figures[figure])
    .map((goal) => [
      goal.name,
      goal.least === undefined ? `≤ ${goal.most}` : `≥ ${goal.least}`,
      show(figures[goal.figure]),
      isMet(goal, figures) ? 'yes' : 'no',
    ]);
  return table(['', 'goal', 'measured', 'met'], lines);
}
