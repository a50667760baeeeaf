/**
 * - `ok`: as it should be;
 * - `note`: worth knowing, and no fault;
 * - `warning`: it works, but not as it should;
 * - `failed`: sealed calls fail.
 */
export type Level = 'ok' | 'note' | 'warning' | 'failed';

/** One line of the report. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  /** What was seen, and what it means. */
  readonly what: string;
  /** What to do. */
  readonly fix?: string;
}

/** What was found so far, in order. */
export class Findings {
  readonly list: Finding[] = [];

  ok(check: string, what: string): void {
    this.list.push({ check, level: 'ok', what });
  }

  note(check: string, what: string, fix?: string): void {
    this.list.push({ check, level: 'note', what, ...(fix && { fix }) });
  }

  warn(check: string, what: string, fix: string): void {
    this.list.push({ check, level: 'warning', what, fix });
  }

  fail(check: string, what: string, fix: string): void {
    this.list.push({ check, level: 'failed', what, fix });
  }

  /** Whether anything is to be mended. */
  get hasFaults(): boolean {
    return this.list.some(({ level }) => level === 'warning' || level === 'failed');
  }
}
