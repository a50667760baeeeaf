import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Progress } from './progress.js';
import { UsageError, type Terminal } from './terminal.js';

const INTERRUPTED = 130;

/**
 * `-o FILE`: a temporary file next to it, which is renamed when the body is complete. So a download that was cut off
 * never looks complete, and an existing file is unchanged until then.
 */
export class Download {
  readonly #path: string;
  readonly #part: string;
  readonly #file: number;
  readonly #onInterrupt = () => {
    this.discard();
    process.exit(INTERRUPTED);
  };
  #isOpen = true;
  #isSaved = false;

  /** @throws UsageError if no file can be written there. Nothing was sent yet. */
  constructor(path: string) {
    this.#path = path;
    this.#part = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}.part`);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`-o ${path}: it is a directory`);
    this.#file = this.#try(() => openSync(this.#part, 'wx'));
    process.once('SIGINT', this.#onInterrupt).once('SIGTERM', this.#onInterrupt);
  }

  /** @throws the body's error; UsageError if the file cannot be written. */
  async save({ body, headers }: Response, terminal: Terminal): Promise<void> {
    const progress = new Progress(terminal, Number(headers.get('content-length') ?? NaN));
    try {
      for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
        for (let at = 0; at < chunk.length;) at += this.#try(() => writeSync(this.#file, chunk, at));
        progress.add(chunk.length);
      }
      this.#close();
      this.#try(() => renameSync(this.#part, this.#path));
      this.#isSaved = true;
    } finally {
      progress.end();
    }
  }

  /** Leaves nothing behind of what was not saved whole. */
  discard(): void {
    if (this.#isSaved) return;
    this.#close();
    rmSync(this.#part, { force: true });
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('SIGINT', this.#onInterrupt).off('SIGTERM', this.#onInterrupt);
    closeSync(this.#file);
  }

  #try<Result>(run: () => Result): Result {
    try {
      return run();
    } catch (error) {
      throw new UsageError(`-o ${this.#path}: ${(error as Error).message}`);
    }
  }
}
