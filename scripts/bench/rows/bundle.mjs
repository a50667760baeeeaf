import { existsSync } from 'node:fs';
import { show, table } from '../report.mjs';
import { spread } from '../stats.mjs';

// Row 7: what a page loads.

export const title = 'The client in a bundle';

export async function measure({ log }) {
  const script = new URL('../../bundle/bundle.mjs', import.meta.url);
  if (!existsSync(script)) {
    log('not measured: there is no scripts/bundle/bundle.mjs');
    return {};
  }
  const { measureBundle } = await import(script.href);
  const { initial, default: needed, chunks } = await measureBundle();
  const kB = (bytes) => spread([bytes / 1000]);
  const figures = {};
  const put = (name, { raw, brotli }) => {
    figures[`bundle.${name}.raw`] = kB(raw);
    figures[`bundle.${name}.brotli`] = kB(brotli);
  };
  put('initial', initial);
  // What is loaded at once is not all: the first call imports the rest of what every page needs.
  if (needed) put('default', needed);
  for (const [index, chunk] of chunks.entries()) put((chunk.name ?? `chunk ${index + 1}`).replace(/\.js$/, ''), chunk);
  return figures;
}

const NAMES = { initial: 'loaded at once', default: 'and by the first call, in all' };

export function print(figures) {
  const names = Object.keys(figures).filter((key) => /^bundle\..*\.raw$/.test(key));
  return table(
    ['', 'kB', 'kB in brotli'],
    names.map((key) => {
      const name = key.split('.')[1];
      return [NAMES[name] ?? name, show(figures[key], 1), show(figures[`bundle.${name}.brotli`], 1)];
    }),
  );
}
