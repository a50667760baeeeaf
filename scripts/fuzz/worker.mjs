import { parentPort, workerData } from 'node:worker_threads';
import { performance } from 'node:perf_hooks';
import { Coverage } from './coverage.mjs';
import { Mutator } from './mutations.mjs';
import { TARGETS } from './targets.mjs';

/** So many inputs run before V8 is asked what they covered; only where that is something new, each runs once more. */
const BATCH = 64;

const { target, seed, milliseconds, beat, current } = workerData;
const encoder = new TextEncoder();
const { seeds, run } = await TARGETS[target]();
const mutator = new Mutator(seed);
const coverage = new Coverage();
const corpus = [];
let accepted = 0;
let slowest = 0;
let finding;

/** Runs one input; `run` says whether it was accepted, and throws where that, or anything else, is wrong. */
async function execute(input) {
  Atomics.store(beat, 1, encoder.encodeInto(input, current).written);
  const begin = performance.now();
  try {
    if (await run(input)) accepted++;
  } catch (error) {
    finding ??= { what: error instanceof Error ? (error.stack ?? error.message) : String(error), input };
  }
  slowest = Math.max(slowest, performance.now() - begin);
  Atomics.add(beat, 0, 1);
}

async function keepWhatIsNew(inputs) {
  for (const input of inputs) {
    await execute(input);
    if (coverage.add(coverage.take()) > 0) corpus.push(input);
  }
}

const begin = performance.now();
for (const input of seeds) {
  await execute(input);
  coverage.add(coverage.take());
  corpus.push(input);
}
const covered = { seeds: coverage.covered, end: 0 };
if (accepted === 0) finding ??= { what: 'no seed was accepted', input: seeds[0] };

while (!finding && performance.now() - begin < milliseconds) {
  const inputs = Array.from({ length: BATCH }, () => mutator.mutate(mutator.pick(corpus), corpus));
  for (const input of inputs) await execute(input);
  if (coverage.take().length > 0) await keepWhatIsNew(inputs);
}
covered.end = coverage.covered;
const executions = Atomics.load(beat, 0);
const took = performance.now() - begin;
parentPort.postMessage({ executions, milliseconds: took, accepted, corpus: corpus.length, covered, slowest, finding });
