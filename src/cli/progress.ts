import type { Terminal } from './terminal.js';

const WIDTH = 30;
const INTERVAL = 100;

/** A line on a terminal that says how far a download has come; nothing in a pipe. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  #loaded = 0;
  #shownAt = 0;

  /** @param total in bytes, or NaN if it is unknown. */
  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  add(length: number): void {
    this.#loaded += length;
    if (Date.now() - this.#shownAt >= INTERVAL) this.#show();
  }

  end(): void {
    this.#show();
    if (this.#terminal.isTerminal.err) this.#terminal.err('\n');
  }

  #show(): void {
    if (!this.#terminal.isTerminal.err) return;
    this.#shownAt = Date.now();
    this.#terminal.err(`\r${progressLine(this.#loaded, this.#total)}`);
  }
}

/** @param total NaN if it is unknown. */
export function progressLine(loaded: number, total: number): string {
  if (!(total > 0)) return mebibytes(loaded);
  const done = Math.min(loaded / total, 1);
  const bar = '#'.repeat(Math.floor(done * WIDTH)).padEnd(WIDTH, '.');
  return `[${bar}] ${String(Math.floor(done * 100)).padStart(3)} %  ${mebibytes(loaded)} of ${mebibytes(total)}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
