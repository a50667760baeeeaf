import type { Logger } from '@nestjs/common';

const QUIET_MS = 60_000;
/** Of different texts within that time. There are far fewer, unless one is not a constant. */
const MAX_TEXTS = 100;

/** Says what may happen with every request of an outage, or as often as an attacker likes, once a minute at most. */
export class RateLimitedLogger {
  /** When each text was said, oldest first. */
  readonly #saidAt = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  /** @param text contains nothing that a client chooses: a text that was just said is not said again. */
  say(level: 'warn' | 'error', text: string): void {
    const now = Date.now();
    for (const [said, at] of this.#saidAt) {
      if (Math.abs(now - at) < QUIET_MS) break;
      this.#saidAt.delete(said);
    }
    if (this.#saidAt.has(text) || this.#saidAt.size >= MAX_TEXTS) return;
    this.#saidAt.set(text, now);
    this.logger[level](text);
  }
}
