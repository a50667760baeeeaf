/** The measurements of docs/fuzzing.md and docs/timing.md, for a moment: they run by hand, and must still run. */
import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { command } from './command.js';

const cwd = fileURLToPath(new URL('../../../', import.meta.url));

const run = (...args: string[]): ReturnType<typeof command> => command(process.execPath, args, { cwd });

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
    expect({ code, printed }).toEqual({ code: 0, printed: expect.stringMatching(/hybrid handshakes .* 201: [1-9]/) });
  });
});
