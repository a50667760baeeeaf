#!/usr/bin/env node
import { once } from 'node:events';
import { run } from './main.js';

const { stdin, stdout, stderr, env } = process;

run(process.argv.slice(2), {
  out: (text) => stdout.write(text) || once(stdout, 'drain'),
  err: (text) => stderr.write(text),
  input: () => stdin as AsyncIterable<Uint8Array>,
  isTerminal: { out: stdout.isTTY, err: stderr.isTTY },
  colours: !env.NO_COLOR && env.TERM !== 'dumb',
  columns: (stderr.isTTY && stderr.columns) || 120,
}).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.exitCode = 2;
    console.error(error);
  },
);
