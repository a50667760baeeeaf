import { startChild } from '../children.mjs';
import { show, table } from '../report.mjs';

// Row 5: a channel's first message on a server that has to read it out of the store, against the ones after it.

export const title = "A channel's first message on a server";

export async function measure({ rounds, log }) {
  const harness = await startChild('./harness.mjs');
  const figures = {};
  for (const kind of harness.facts.kinds) {
    log(kind);
    const measured = await harness.ask('cold', kind, rounds);
    for (const [name, value] of Object.entries(measured)) figures[`cold.${kind}.${name}`] = value;
  }
  await harness.stop();
  return figures;
}

export function print(figures) {
  const kinds = [...new Set(Object.keys(figures).map((key) => key.split('.')[1]))];
  const lines = kinds.map((kind) => {
    const of = (name, digits) => show(figures[`cold.${kind}.${name}`], digits);
    return [kind, of('cold', 0), of('warm', 0), of('ratio', 1)];
  });
  return table(['1 KiB', 'first µs', 'later µs', 'first ÷ later'], lines);
}
