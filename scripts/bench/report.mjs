import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/** A figure as a table shows it: the median, and in brackets the least and the most of the rounds. */
export function show(figure, digits = 2) {
  if (!figure) return '–';
  const text = (value) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (figure.rounds === 1) return text(figure.median);
  return `${text(figure.median)} (${text(figure.min)}..${text(figure.max)})`;
}

/** A Markdown table, its columns aligned as Prettier does it. The first column is text, the others are numbers. */
export function table(head, lines) {
  if (head.length < 2) throw new Error(`a table with nothing but names: ${lines.map(([name]) => name).join('; ')}`);
  const rows = [head, ...lines.map((line) => line.map(String))];
  const widths = head.map((_, column) => Math.max(4, ...rows.map((row) => row[column].length)));
  const print = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [print(head), rule, ...rows.slice(1).map(print)].join('\n');
}

/** What the figures were taken on, and of what. */
export function circumstances(command) {
  const { platform, version } = process;
  const system = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }[platform] ?? platform;
  return {
    machine: `${cpus().length} cores, Node ${version.slice(1)}, ${system}`,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    command,
  };
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
