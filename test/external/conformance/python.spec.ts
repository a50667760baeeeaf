/** The client in clients/python, which was written from docs/protocol.md alone, on Debian's python3-cryptography. */
import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startSample } from './server.js';

const cwd = fileURLToPath(new URL('../../../clients/python/', import.meta.url));

/** Runs Debian's Python, which may not be the first in the path, and gives what it printed. */
async function python(args: string[], env: Record<string, string> = {}): Promise<{ code: unknown; printed: string }> {
  const child = spawn('/usr/bin/python3', ['-B', ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += String(chunk)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, printed };
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
