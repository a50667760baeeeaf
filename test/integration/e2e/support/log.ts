import type { LoggerService } from '@nestjs/common';

/** What an application logs, kept: for the lines that are to be there, and for what must be in none of them. */
export class Log implements LoggerService {
  readonly lines: string[] = [];

  log(...parts: unknown[]): void {
    this.#keep('log', parts);
  }
  warn(...parts: unknown[]): void {
    this.#keep('warn', parts);
  }
  error(...parts: unknown[]): void {
    this.#keep('error', parts);
  }
  debug(...parts: unknown[]): void {
    this.#keep('debug', parts);
  }
  verbose(...parts: unknown[]): void {
    this.#keep('verbose', parts);
  }

  get text(): string {
    return this.lines.join('\n');
  }

  /** The lines of this module of ours. */
  get ofModule(): string[] {
    return this.lines.filter((line) => line.endsWith('E2eModule'));
  }

  #keep(level: string, parts: readonly unknown[]): void {
    this.lines.push([level, ...parts.map((part) => (part instanceof Error ? part.stack : String(part)))].join(' '));
  }
}
