import { stepsOf } from '../../protocol/field.js';

/** Where fields are in a body: `card.number`, `items.*.pin`, `card.cvc?`, or a JSON pointer, `/card/number`. */
export interface Pattern {
  readonly text: string;
  readonly steps: readonly string[];
  readonly isOptional: boolean;
}

const ANY = '*';

export function parsePattern(text: string): Pattern {
  const isOptional = text.endsWith('?');
  const path = isOptional ? text.slice(0, -1) : text;
  const steps = path.startsWith('/') ? stepsOf(path) : path.split('.');
  return { text, steps, isOptional };
}

export function matches({ steps: wanted }: Pattern, steps: readonly string[]): boolean {
  return wanted.length === steps.length && wanted.every((step, index) => step === ANY || step === steps[index]);
}

/** Whether the value is missing at a place of the pattern: a misspelled pattern would leave it in the clear. */
export function isMissing(value: unknown, { steps }: Pattern): boolean {
  const [step, ...rest] = steps;
  if (step === undefined) return false;
  if (typeof value !== 'object' || value === null) return true;
  const next = { text: '', steps: rest, isOptional: false };
  if (step === ANY) return Object.values(value).some((each) => isMissing(each, next));
  return !Object.hasOwn(value, step) || isMissing((value as Record<string, unknown>)[step], next);
}
