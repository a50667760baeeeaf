import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';

const MAKE = `
import { nodeEngine } from './engine.mjs';
for (let index = 0; index < 500; index++) {
  for (const kind of ['X25519', 'P-256']) nodeEngine.packPrivateKey(nodeEngine.generateKeyPair(kind).privateKey);
  nodeEngine.generateIdentityKey('Ed25519');
}
console.log('made');
`;

describe('making keys', () => {
  // A collection every so many allocations: a pair that shares a lock with the job that made it stands still here.
  it.each([53, 101, 500])('continues when the garbage collector runs every %d allocations', async (interval) => {
    const folder = mkdtempSync(join(tmpdir(), 'collector-'));
    try {
      await build({
        entryPoints: [fileURLToPath(new URL('../../../src/crypto/node.ts', import.meta.url))],
        outfile: join(folder, 'engine.mjs'),
        bundle: true,
        platform: 'node',
        format: 'esm',
      });
      writeFileSync(join(folder, 'make.mjs'), MAKE);
      const args = [`--gc-interval=${interval}`, join(folder, 'make.mjs')];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 280_000, killSignal: 'SIGKILL' });
      expect(stdout).toBe('made\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
