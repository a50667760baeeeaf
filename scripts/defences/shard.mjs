import { fork } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['src', 'test', 'docs', 'package.json', 'jest.config.mjs', 'tsconfig.json'];
const CHILD = fileURLToPath(new URL('run-row.mjs', import.meta.url));
/** Jest keeps much of what it loaded: over this, a process spends its time on collecting garbage. */
const MAX_RSS_BYTES = 1024 ** 3;

/** A copy of the tree, and a process that keeps Jest loaded and runs one row after the other in it. */
export class Shard {
  isDead = false;
  #stderr = '';
  #folder = mkdtempSync(join(tmpdir(), 'defences-'));
  #process;

  constructor() {
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.#folder, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'));
    this.#start();
  }

  #start() {
    this.#process = fork(CHILD, [this.#folder], {
      execArgv: ['--experimental-vm-modules', '--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // As Jest's own program sets it. What CI adds to the configuration is not for the shards.
      env: { ...process.env, NODE_ENV: 'test', CI: '' },
    });
    this.#process.stderr.on('data', (chunk) => (this.#stderr = (this.#stderr + chunk).slice(-2000)));
  }

  /** How many tests ran, and the name of the first that failed; or an `error`, where that cannot be said. */
  run(row, limitSeconds) {
    return new Promise((resolve) => {
      const end = (/** @type {any} */ { rss, ...result }) => {
        clearTimeout(timer);
        this.#process.removeAllListeners();
        if (rss > MAX_RSS_BYTES) {
          this.#process.kill('SIGKILL');
          this.#start();
        }
        resolve(result);
      };
      const die = (error) => {
        this.stop();
        end({ error });
      };
      const timer = setTimeout(() => die(`no result after ${limitSeconds} s`), limitSeconds * 1000);
      this.#process.once('message', end);
      this.#process.once('exit', (code) => die(`its process ended with ${code}: ${this.#stderr.trim()}`));
      this.#process.send(row);
    });
  }

  stop() {
    this.isDead = true;
    this.#process.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
