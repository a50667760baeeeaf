import { SIZE_NAMES } from '../bodies.mjs';
import { startChild } from '../children.mjs';
import { show, table } from '../report.mjs';

// Row 3: the library alone against the least that such an exchange can cost.

const COUNTS = { 1024: 1000, 65536: 60, 1048576: 5 };

export const title = 'The library alone, without HTTP';

export async function measure({ sizes, rounds, log }) {
  const harness = await startChild('./harness.mjs');
  const figures = {};
  for (const size of sizes) {
    log(SIZE_NAMES[size]);
    const measured = await harness.ask('library', size, rounds, COUNTS[size] ?? 100);
    for (const [name, value] of Object.entries(measured)) figures[`library.${size}.${name}`] = value;
  }
  await harness.stop();
  return figures;
}

export function print(figures) {
  const lines = Object.keys(SIZE_NAMES)
    .filter((size) => figures[`library.${size}.ratio`])
    .map((size) => {
      const of = (name, digits) => show(figures[`library.${size}.${name}`], digits);
      return [SIZE_NAMES[size], of('library', 0), of('limit', 0), of('ratio', 2), of('rate', 0)];
    });
  return table(['', 'library µs', 'limit µs', 'library ÷ limit', 'MB/s'], lines);
}
