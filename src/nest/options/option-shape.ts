/** What a value is, in words that tell nothing of what is in it: no text, and of a secret not even a number. */
export function shapeOf(value: unknown, isSecret = false): string {
  if (typeof value === 'string') return shapeOfText(value);
  if (typeof value === 'number') return isSecret ? 'a number' : `the number ${value}`;
  if (typeof value === 'object' && value !== null) return shapeOfObject(value, isSecret);
  const isShown = value === undefined || value === null || typeof value === 'boolean';
  return isShown ? String(value) : `a ${typeof value}`;
}

function shapeOfText({ length }: string): string {
  return length === 0 ? 'an empty text' : `a text of ${length} ${length === 1 ? 'character' : 'characters'}`;
}

function shapeOfObject(value: object, isSecret: boolean): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return 'an empty list';
    return `a list of ${value.map((each) => shapeOf(each, isSecret)).join(' and ')}`;
  }
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  if (name === 'Promise') return 'a promise (forRootAsync waits for one)';
  if (name === undefined || name === 'Object') return 'an object';
  const { asymmetricKeyType: kind } = value as { asymmetricKeyType?: string };
  return `an object of the class ${name}${kind === undefined ? '' : ` (${kind})`}`;
}

/** The name that this one was meant to be, where one is near enough to say so. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((each) => ({ each, steps: distance(name.toLowerCase(), each.toLowerCase()) }))
    .sort((one, other) => one.steps - other.steps);
  return ranked[0] && ranked[0].steps <= Math.max(2, name.length / 4) ? ranked[0].each : undefined;
}

/** Levenshtein's: how many characters have to be put in, taken out or changed. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let index = 0; index < from.length; index++) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const changed = row[column - 1]! + (from[index] === to[column - 1] ? 0 : 1);
      next.push(Math.min(changed, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
