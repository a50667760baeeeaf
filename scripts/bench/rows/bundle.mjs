import { existsSync } from 'node:fs';
import { show, table } from '../report.mjs';
import { spread } from '../stats.mjs';

// Row 7: what a page loads.

export const title = 'The client in a bundle';

export async function measure({ log }) {
  const script = new URL('../../bundle.mjs', import.meta.url);
  if (!existsSync(script)) {
    log('not measured: there is no scripts/bundle.mjs');
    return {};
  }
  const { measureBundle } = await import(script);
  const { initial, chunks } = await measureBundle();
  const kB = (bytes) => spread([bytes / 1000]);
  const figures = { 'bundle.initial.raw': kB(initial.raw), 'bundle.initial.brotli': kB(initial.brotli) };
  for (const [index, { name = `chunk ${index + 1}`, raw, brotli }] of chunks.entries()) {
    figures[`bundle.${name.replaceAll('.', '-')}.raw`] = kB(raw);
    figures[`bundle.${name.replaceAll('.', '-')}.brotli`] = kB(brotli);
  }
  return figures;
}

export function print(figures) {
  const names = Object.keys(figures).filter((key) => /^bundle\..*\.raw$/.test(key));
  return table(
    ['', 'kB', 'kB in brotli'],
    names.map((key) => {
      const name = key.split('.')[1];
      return [
        name === 'initial' ? 'loaded at once' : name,
        show(figures[key], 1),
        show(figures[`bundle.${name}.brotli`], 1),
      ];
    }),
  );
}
