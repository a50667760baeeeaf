import { harmless, painter, type Terminal } from '../terminal.js';

/** What came of one case. */
export interface Result {
  /** Of PROTOCOL. */
  readonly section: number;
  readonly name: string;
  /** Of the channel. */
  readonly kind: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed. */
  readonly flaw?: string;
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function summarize(results: readonly Result[]): Summary {
  const count = (wanted: Result['outcome']) => results.filter(({ outcome }) => outcome === wanted).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** Prints the results as they come, a line each, and the counts at the end; or all of it as one JSON object. */
export async function report(
  results: AsyncIterable<Result>,
  terminal: Terminal,
  { json }: { readonly json: boolean },
): Promise<Summary> {
  const paint = painter(terminal, 'out');
  const all: Result[] = [];
  if (!json) terminal.out('§   kind             case\n');
  for await (const result of results) {
    all.push(result);
    if (json) continue;
    const { section, kind, name, outcome, flaw } = result;
    const mark = { passed: paint('green', 'passed'), failed: paint('red', 'FAILED'), skipped: paint('dim', 'skipped') };
    const why = flaw ? `\n      ${paint('red', harmless(flaw))}` : '';
    terminal.out(`§${section}  ${kind.padEnd(16)} ${name}: ${mark[outcome]}${why}\n`);
  }
  const summary = summarize(all);
  const { passed, failed, skipped } = summary;
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped (the client has no such kind or command)`;
  terminal.out(json ? `${JSON.stringify({ ...summary, cases: all }, null, 2)}\n` : `\n${counts}\n`);
  return summary;
}
