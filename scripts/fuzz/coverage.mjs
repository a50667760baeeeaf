import { Session } from 'node:inspector';

/** V8's precise block coverage of the package, as characters of its source that have run at least once. */
export class Coverage {
  #session = new Session();
  /** By script: one byte for each character. */
  #ran = new Map();
  covered = 0;

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What ran since the last time: the new characters, by script. V8's counters begin anew. */
  take() {
    const fresh = [];
    for (const { url, functions } of this.#post('Profiler.takePreciseCoverage').result) {
      if (!url.includes('/dist/esm/')) continue;
      const end = Math.max(...functions.flatMap(({ ranges }) => ranges.map(({ endOffset }) => endOffset)));
      const ran = this.#ran.get(url) ?? new Uint8Array(end);
      this.#ran.set(url, ran);
      const now = new Uint8Array(ran.length);
      // Outer functions and blocks come first, and inner ones write over them.
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
      for (let index = 0; index < now.length; index++) if (now[index] && !ran[index]) fresh.push([ran, index]);
    }
    return fresh;
  }

  /** Counts these characters as covered, and says how many were not yet. */
  add(fresh) {
    let added = 0;
    for (const [ran, index] of fresh) {
      added += 1 - ran[index];
      ran[index] = 1;
    }
    this.covered += added;
    return added;
  }

  #post(method, params) {
    /** @type {any} */
    let outcome;
    this.#session.post(method, params, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      outcome = result;
    });
    return outcome;
  }
}
