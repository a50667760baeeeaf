/** A figure of several rounds: the middle one, and how far apart the others were. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0], max: sorted.at(-1), rounds: sorted.length };
}

/** Of values in order. The median of an even number lies between two. */
export function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

export function ascending(values) {
  return Float64Array.from(values).sort();
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** As many rounds as asked for, each taking all of the contenders in turn and each beginning with another one. */
export async function alternate(rounds, names, measure) {
  const taken = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let step = 0; step < names.length; step++) {
      const name = names[(round + step) % names.length];
      taken[name].push(await measure(name, round));
    }
  }
  return taken;
}
