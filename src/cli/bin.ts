#!/usr/bin/env node
import { run } from './main.js';

const { stdin, stdout, stderr, env } = process;

run(process.argv.slice(2), {
  out: (text) => stdout.write(text),
  err: (text) => stderr.write(text),
  input: async () => {
    let text = '';
    for await (const chunk of stdin.setEncoding('utf8')) text += String(chunk);
    return text;
  },
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
