import { startChild } from '../children.mjs';
import { show, table } from '../report.mjs';

// Row 8: what a live channel keeps, in the process and in the store, and whether that grows with their number.

export const title = 'Live channels';

export async function measure({ counts, log }) {
  const figures = {};
  for (const [kind, numbers] of Object.entries(counts)) {
    for (const count of numbers) {
      log(`${count} channels, ${kind}`);
      // A process for each, so that none inherits another's heap.
      const harness = await startChild('./harness.mjs', {}, ['--expose-gc', '--max-old-space-size=4096']);
      const { heap, ...others } = await harness.ask('live', kind, count);
      figures[`memory.${kind}.${count}`] = heap;
      for (const [name, value] of Object.entries(others)) figures[`memory.${kind}.${count}.${name}`] = value;
      await harness.stop();
    }
  }
  const harness = await startChild('./harness.mjs');
  for (const kind of harness.facts.kinds) {
    const { channel, session } = await harness.ask('record', kind);
    figures[`record.${kind}`] = channel;
    figures[`record.${kind}.session`] = session;
  }
  await harness.stop();
  return figures;
}

export function print(figures) {
  const keys = Object.keys(figures).filter((key) => /^memory\.[^.]+\.\d+$/.test(key));
  const lines = keys.map((key) => {
    const [, kind, count] = key.split('.');
    const of = (name) => show(figures[`${key}.${name}`] && { ...figures[`${key}.${name}`], rounds: 1 }, 0);
    return [
      `${Number(count).toLocaleString('en-US')} channels, ${kind}`,
      show(figures[key], 2),
      show(figures[`${key}.resident`], 2),
      of('handshake'),
      of('request'),
    ];
  });
  const records = Object.keys(figures).filter((key) => /^record\.[^.]+$/.test(key));
  return [
    table(['', 'heap KiB each', 'resident KiB each', 'a handshake µs', 'a request µs'], lines),
    table(
      ['In the store', 'channel, bytes', 'its session, bytes'],
      records.map((key) => [key.split('.')[1], show(figures[key], 0), show(figures[`${key}.session`], 0)]),
    ),
  ].join('\n\n');
}
