import type { Logger } from '@nestjs/common';

const QUIET_MS = 60_000;

/** Says what may happen with every request of an outage, or as often as an attacker likes, once a minute at most. */
export class RateLimitedLogger {
  readonly #saidAt = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  /** @param text a constant: it is what is kept quiet about. */
  say(level: 'warn' | 'error', text: string): void {
    const now = Date.now();
    if (now - (this.#saidAt.get(text) ?? -Infinity) < QUIET_MS) return;
    this.#saidAt.set(text, now);
    this.logger[level](text);
  }
}
