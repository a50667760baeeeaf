import type { Harness } from '../support/harness.js';

/** One thing that the owner of the proxy can try, and what comes of it: a row of docs/attacks.md, and a test. */
export interface Row {
  readonly attack: string;
  /** As docs/attacks.md says it. */
  readonly outcome: string;
  /** Needs a server that takes plain messages, which is off by default. */
  readonly plainWay?: true;
  /** Needs a server that requires device keys, and so Express. */
  readonly device?: true;
  /** Slow, and the same whatever platform the server runs on: tried on one of them. */
  readonly once?: true;
  readonly run: (harness: Harness) => Promise<void>;
}
