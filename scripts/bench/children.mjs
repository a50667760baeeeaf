import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pause } from './stats.mjs';

/** A program of the bench in a process of its own; `ask` sends it a question and waits for the answer. */
export async function startChild(file, options = {}, execArgv = []) {
  const { PATH = '', HOME = '' } = process.env;
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)], {
    serialization: 'advanced',
    execArgv,
    env: { PATH, HOME, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let ready;
  const started = new Promise((resolve, reject) => {
    ready = resolve;
    child.once('error', reject).once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  started.catch(() => undefined);
  child.once('exit', () => waiting.forEach(({ reject }) => reject(new Error(`${file} ended`))));
  child.on('message', (/** @type {any} */ { id, value, error }) => {
    if (id === 0) return ready(value);
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  let last = 0;
  const ask = (name, ...args) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      child.send({ id: last, name, args });
    });
  return {
    facts: await started,
    ask,
    /** Lets it end by itself, so that a profile is written. */
    stop: async () => {
      if (child.connected) child.disconnect();
      await Promise.race([ended, pause(10_000).then(() => child.kill())]);
    },
  };
}

/** The other end: answers questions by these functions, after saying that it is ready. */
export function answerParent(functions, facts) {
  process.on('message', ({ id, name, args }) => {
    Promise.resolve()
      .then(() => functions[name](...args))
      .then(
        (value) => process.send({ id, value }),
        (error) => process.send({ id, error: String(error.stack) }),
      );
  });
  process.once('disconnect', () => process.exit());
  process.send({ id: 0, value: facts });
}

export const optionsOfChild = () => JSON.parse(process.argv[2] ?? '{}');
