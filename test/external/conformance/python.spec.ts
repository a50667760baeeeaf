/** The client in clients/python, which was written from docs/protocol.md alone, on Debian's python3-cryptography. */
import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { command } from './command.js';
import { startSample } from './server.js';

const cwd = fileURLToPath(new URL('../../../clients/python/', import.meta.url));

/** Runs Debian's Python, which may not be the first in the path, and gives what it printed. */
function python(args: string[], env: Record<string, string> = {}): ReturnType<typeof command> {
  return command('/usr/bin/python3', ['-B', ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
}

describe('the client in Python', () => {
  it('reproduces the worked example of the protocol and the vectors, and refuses what it must', async () => {
    const { code, printed } = await python(['-m', 'unittest']);
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(/Ran \d\d tests[^]*\nOK\n$/) });
  });

  it('speaks with the sample: messages, a sealed query, streams both ways', async () => {
    const sample = await startSample();
    try {
      const { code, printed } = await python(['sample_test.py'], { E2E_TARGET: sample.base });
      expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(/\nOK\n$/) });
    } finally {
      await sample.stop();
    }
  });
});
