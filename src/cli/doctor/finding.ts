import { CATALOGUE, type FindingId } from './catalogue.js';

/**
 * - `ok`: as it should be;
 * - `note`: worth knowing, and no fault;
 * - `warning`: it works, but not as it should;
 * - `failed`: sealed calls fail.
 */
export type Level = 'ok' | 'note' | 'warning' | 'failed';

/** One line of the report. */
export interface Finding {
  /** Its stable name, for scripts. */
  readonly id: FindingId;
  readonly check: string;
  readonly level: Level;
  /** What was seen, and what it means. */
  readonly what: string;
  /** What to do. */
  readonly fix?: string;
}

/** What the text of a finding is made of. */
type Facts<Id extends FindingId> = (typeof CATALOGUE)[Id]['what'] extends (...facts: infer Given) => string
  ? Given
  : [];

/** What was found so far, in order. */
export class Findings {
  readonly list: Finding[] = [];

  add<Id extends FindingId>(id: Id, ...facts: Facts<Id>): void {
    const { check, level, what, fix } = CATALOGUE[id] as {
      readonly check: string;
      readonly level: Level;
      readonly what: string | ((...facts: Facts<Id>) => string);
      readonly fix?: string;
    };
    const text = typeof what === 'string' ? what : what(...facts);
    this.list.push({ id, check, level, what: text, ...(fix && { fix }) });
  }

  has(id: FindingId): boolean {
    return this.list.some((finding) => finding.id === id);
  }

  /** Whether anything is to be mended. */
  get hasFaults(): boolean {
    return this.list.some(({ level }) => level === 'warning' || level === 'failed');
  }
}
