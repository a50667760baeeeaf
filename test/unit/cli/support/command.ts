import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from '@jest/globals';
import { build } from 'esbuild';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CommandLine {
  /** Runs it as a process of its own. */
  run(args: readonly string[], input?: string, env?: NodeJS.ProcessEnv): Promise<Ended>;
  /** A folder for the test's own files. */
  readonly folder: string;
}

/** The command line, built from the sources, for the tests of a `describe`. */
export function useCommandLine(): CommandLine {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'));
  const script = join(folder, 'bin.mjs');
  symlinkSync(fileURLToPath(new URL('../../../../node_modules', import.meta.url)), join(folder, 'node_modules'), 'dir');
  beforeAll(() =>
    build({
      entryPoints: [fileURLToPath(new URL('../../../../src/cli/bin.ts', import.meta.url))],
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true, // node-forge is loaded only where it is needed
      platform: 'node',
      format: 'esm',
      packages: 'external',
    }),
  );
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, run: (args, input = '', env = {}) => run(script, args, input, env) };
}

function run(script: string, args: readonly string[], input: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const child = spawn(process.execPath, [script, ...args], { env: { PATH: process.env.PATH, ...env } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.on('error', () => undefined); // not every command reads it
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
