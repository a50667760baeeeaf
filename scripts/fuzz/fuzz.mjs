// Coverage-guided fuzzing of everything that reads what the other end sent, on the built package.
//
//   npm run fuzz -- [seconds] [--seed=N] [target …]
//
// Every target gets its share of the time in a worker of its own, which this thread watches: an input that is still
// under way after ten seconds is a hang. A finding is written to reports/fuzz/, and the exit code is 1.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';

const TARGETS = [
  'message',
  'binding',
  'request-header',
  'response-header',
  'public-key',
  'signing-key',
  'device-proof',
  'identity-proof',
  'handshake-answer',
  'answer',
  'json-object',
  'body-shape',
  'frames',
  'stream',
  'request-head',
  'answer-stream',
  'socket-messages',
  'socket',
  'meta',
  'events',
];
const HANG_MS = 10_000;
/** Until the first input: on a busy machine, loading the target takes a while. */
const START_MS = 60_000;
const MAX_INPUT = 1 << 21;
const REPORTS = new URL('../../reports/fuzz/', import.meta.url);

const args = process.argv.slice(2);
const named = args.filter((arg) => TARGETS.includes(arg));
const seconds = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 60);
const seed = Number(
  /^--seed=(\d+)$/.exec(args.find((arg) => arg.startsWith('--seed=')) ?? '')?.[1] ?? Date.now() % 2 ** 31,
);
const unknown = args.filter((arg) => !TARGETS.includes(arg) && !/^(\d+|--seed=\d+)$/.test(arg));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(' ')}. Targets: ${TARGETS.join(' ')}`);
  process.exit(2);
}

const targets = named.length > 0 ? named : TARGETS;
const share = (seconds * 1000) / targets.length;
console.log(`${targets.length} targets, ${(share / 1000).toFixed(1)} s each, seed ${seed}`);
console.log(row('target', 'executions', 'a second', 'accepted', 'corpus', 'covered: seeds', 'end', 'slowest ms'));

let executions = 0;
let findings = 0;
for (const target of targets) {
  const result = await run(target);
  executions += result.executions;
  if (result.finding) {
    findings++;
    report(target, result.finding);
  }
}
console.log(`${executions.toLocaleString('en')} executions, ${findings} findings`);
process.exitCode = findings > 0 ? 1 : 0;

/** One target in a worker; what it counted, and what it found. */
function run(target) {
  const beat = new Int32Array(new SharedArrayBuffer(8));
  const current = new Uint8Array(new SharedArrayBuffer(MAX_INPUT));
  const workerData = { target, seed, milliseconds: share, beat, current };
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
  return new Promise((resolve, reject) => {
    let last = { beats: -1, at: Date.now() };
    const watch = setInterval(() => {
      const beats = Atomics.load(beat, 0);
      if (beats !== last.beats) last = { beats, at: Date.now() };
      else if (Date.now() - last.at > (beats === 0 ? START_MS : HANG_MS)) {
        const input = Buffer.from(current.slice(0, Atomics.load(beat, 1))).toString('utf8');
        finish({ executions: beats, finding: { what: 'hang', input } });
        void worker.terminate();
      }
    }, 500);
    const finish = (result) => {
      clearInterval(watch);
      resolve(result);
    };
    worker.on('message', (result) => {
      const { executions: done, milliseconds, accepted, corpus, covered, slowest } = result;
      const rate = Math.round((done * 1000) / milliseconds);
      console.log(row(target, done, rate, accepted, corpus, covered.seeds, covered.end, slowest.toFixed(1)));
      finish(result);
    });
    worker.on('error', (error) => {
      clearInterval(watch);
      reject(error);
    });
  });
}

function report(target, { what, input }) {
  mkdirSync(REPORTS, { recursive: true });
  const name = `${target}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.txt`;
  writeFileSync(new URL(name, REPORTS), input);
  console.error(`FOUND in ${target}: ${what}\n  the input is in reports/fuzz/${name}`);
}

function row(name, ...cells) {
  const widths = [12, 9, 9, 7, 15, 7, 11];
  const shown = cells.map((cell, index) =>
    String(typeof cell === 'number' ? cell.toLocaleString('en') : cell).padStart(widths[index]),
  );
  return [name.padEnd(17), ...shown].join(' ');
}
