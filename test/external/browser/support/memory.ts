import { readdirSync, readFileSync } from 'node:fs';

const MIB = 2 ** 20;
const POLL_MS = 50;

/**
 * How much the memory of this process's browser grows while that runs, in MiB: the resident memory of its processes
 * together, at its peak.
 */
export async function growthOf<T>(run: () => Promise<T>): Promise<{ result: T; growth: number; before: number }> {
  const before = residentMemory();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, residentMemory())), POLL_MS);
  try {
    const result = await run();
    return { result, before: Math.round(before), growth: Math.round(Math.max(peak, residentMemory()) - before) };
  } finally {
    clearInterval(timer);
  }
}

/** Of everything that this process has started, in MiB. */
function residentMemory(): number {
  const parents = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
      const of = (line: string) => Number(new RegExp(`^${line}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
      sizes.set(Number(name), of('RssAnon') + of('RssShmem'));
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === process.pid || isOurs(parents.get(pid)));
  let sum = 0;
  for (const [pid, size] of sizes) if (pid !== process.pid && isOurs(pid)) sum += size;
  return sum / MIB;
}
