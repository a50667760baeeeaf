/** The measurements of docs/fuzzing.md and docs/timing.md, for a moment: they run by hand, and must still run. */
import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../../../', import.meta.url));

async function run(...args: string[]): Promise<{ code: unknown; printed: string }> {
  const child = spawn(process.execPath, args, { cwd });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += String(chunk)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, printed };
}

describe('what is measured by hand', () => {
  it('fuzzes all that reads what the other end sent, and finds nothing', async () => {
    const { code, printed } = await run('scripts/fuzz/fuzz.mjs', '4', '--seed=1');
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(/ executions, 0 findings\n$/) });
    const [, targets] = /^(\d+) targets/.exec(printed) ?? [];
    const rows = [...printed.matchAll(/^[a-z][a-z-]+ +([\d,]+) .*[\d.]+$/gm)];
    expect(rows).toHaveLength(Number(targets));
    expect(rows.filter(([, executions]) => executions === '0')).toEqual([]);
  });

  it('compares the times of refusals', async () => {
    const { code, printed } = await run('scripts/timing/timing.mjs', '20');
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringContaining('plain: key good, wrong tag') });
  });

  it('floods the sample with handshakes', async () => {
    const { code, printed } = await run('scripts/flood/flood.mjs', '1', '4');
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(/hybrid handshakes .* 201: \d/) });
  });
});
