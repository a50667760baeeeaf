import { SIZE_NAMES } from './bodies.mjs';
import { GOALS } from './goals.mjs';

// The chart of the docs: of a sealed request's CPU time, the share that a plain one takes of a server without the module,
// on both platforms. A bar for each way and size, a whisker for the rounds, a dashed line where the goal stands.

const PLATFORMS = { express: 'Express', fastify: 'Fastify' };
const COLOURS = { RSA: '#2563eb', 'P-256': '#0d9488', X25519: '#7c3aed', 'plain JWE': '#9ca3af' };
const BAR = 16;
const GAP = 18;
const HEADING = 26;
const LEFT = 70;
const WIDTH = 720;
const TOP = 64;
const SCALE = WIDTH - LEFT - 110;
const DASHED = 'stroke="#dc2626" stroke-width="2" stroke-dasharray="4 3"';

/** `undefined` where row 1 was not measured. */
export function chart(figures, caption) {
  const parts = [];
  let y = TOP;
  for (const [platform, name] of Object.entries(PLATFORMS)) {
    const groups = groupsOf(figures, platform);
    if (groups.length === 0) continue;
    parts.push(`<text x="${LEFT}" y="${y + 12}" font-weight="600">${name}</text>`);
    y += HEADING;
    for (const { size, bars } of groups) {
      const height = bars.length * BAR;
      parts.push(text(LEFT - 8, y + height / 2 + 4, SIZE_NAMES[size], 'end'));
      for (const [index, way] of bars.entries()) {
        parts.push(bar(y + index * BAR, way, figures[figureOf(platform, size, way)]));
      }
      const goal = GOALS.find(({ figure }) => figure === figureOf(platform, size, 'RSA'))?.least;
      if (goal) parts.push(line(goal, y - 4, y + height + 4, DASHED));
      y += height + GAP;
    }
  }
  if (parts.length === 0) return undefined;
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      line(share, TOP - 8, y - GAP + 8, 'stroke="#e5e7eb"') + text(at(share), y + 8, share.toFixed(2), 'middle'),
  );
  const legend = Object.keys(COLOURS).map((way, index) => {
    const x = LEFT + index * 110;
    return `<rect x="${x}" y="36" width="12" height="12" fill="${COLOURS[way]}"/>${text(x + 18, 46, way)}`;
  });
  legend.push(`<line x1="${LEFT + 450}" x2="${LEFT + 470}" y1="42" y2="42" ${DASHED}/>`);
  legend.push(text(LEFT + 476, 46, 'goal, RSA'));
  const height = y + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#111827">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="22" font-size="14" font-weight="600">Server CPU time of a POST: plain, no module ÷ sealed (1 would cost nothing)</text>`,
    ...legend,
    ...grid,
    ...parts,
    text(LEFT, height - 8, caption),
    '</svg>',
    '',
  ].join('\n');
}

const figureOf = (platform, size, way) => `http.${platform}.${size}.${way}.cpuRatio`;

function groupsOf(figures, platform) {
  return Object.keys(SIZE_NAMES)
    .map((size) => ({ size, bars: Object.keys(COLOURS).filter((way) => figures[figureOf(platform, size, way)]) }))
    .filter(({ bars }) => bars.length > 0);
}

const at = (share) => (LEFT + Math.min(share, 1.1) * SCALE).toFixed(1);

function bar(y, way, { median, min, max }) {
  const middle = y + BAR / 2 - 1;
  return [
    `<rect x="${LEFT}" y="${y}" width="${(Math.min(median, 1.1) * SCALE).toFixed(1)}" height="${BAR - 2}" fill="${COLOURS[way]}"/>`,
    `<line x1="${at(min)}" x2="${at(max)}" y1="${middle}" y2="${middle}" stroke="#111827"/>`,
    text(Number(at(max)) + 6, middle + 4, median.toFixed(2)),
  ].join('\n');
}

function line(share, from, to, style) {
  return `<line x1="${at(share)}" x2="${at(share)}" y1="${from}" y2="${to}" ${style}/>`;
}

function text(x, y, content, anchor = 'start') {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;
}
