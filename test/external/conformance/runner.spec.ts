/** The conformance runner, as `npx` runs it, with the clients of this repository. */
import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cases: readonly { readonly kind: string; readonly outcome: string; readonly name: string }[];
}

const cwd = fileURLToPath(new URL('../../../', import.meta.url));

async function conformance(...args: string[]): Promise<{ code: unknown; report: Report }> {
  const child = spawn(process.execPath, ['dist/esm/cli/bin.js', 'conformance', '--json', ...args], { cwd });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, report: JSON.parse(out) as Report };
}

describe.each([
  ['Python', '/usr/bin/python3 -B clients/python/conformance.py', ['MLKEM768-X25519']],
  ['JavaScript', `${process.execPath} clients/javascript/conformance.mjs`, []],
])('the client in %s', (_, command, lacks) => {
  it('passes every case, on every kind that it has', async () => {
    const { code, report } = await conformance('--client', command);
    expect(report.cases.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect({ code, failed: report.failed }).toEqual({ code: 0, failed: 0 });
    expect(report.passed).toBeGreaterThan(370);
    const skipped = report.cases.filter(({ outcome }) => outcome === 'skipped');
    expect([...new Set(skipped.map(({ kind }) => kind))]).toEqual(lacks);
  });
});
