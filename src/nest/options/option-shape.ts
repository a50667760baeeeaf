/** Describes a value without its content: no strings, and for secrets not even numbers. */
export function shapeOf(value: unknown, isSecret = false): string {
  if (typeof value === 'string') return shapeOfString(value);
  if (typeof value === 'number') return isSecret ? 'a number' : `the number ${value}`;
  if (typeof value === 'object' && value !== null) return shapeOfObject(value, isSecret);
  const isShown = value === undefined || value === null || typeof value === 'boolean';
  return isShown ? String(value) : `a ${typeof value}`;
}

function shapeOfString({ length }: string): string {
  return length === 0 ? 'an empty string' : `a string of length ${length}`;
}

function shapeOfObject(value: object, isSecret: boolean): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return 'an empty list';
    return `a list of ${value.map((each) => shapeOf(each, isSecret)).join(' and ')}`;
  }
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  if (name === 'Promise') return 'a promise (use forRootAsync)';
  if (name === undefined || name === 'Object') return 'an object';
  const { asymmetricKeyType: kind } = value as { asymmetricKeyType?: string };
  return `an instance of ${name}${kind === undefined ? '' : ` (${kind})`}`;
}

/** The known name that this one probably means, if one is close enough. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((each) => ({ each, steps: distance(name.toLowerCase(), each.toLowerCase()) }))
    .sort((one, other) => one.steps - other.steps);
  return ranked[0] && ranked[0].steps <= Math.max(2, name.length / 4) ? ranked[0].each : undefined;
}

/** Levenshtein distance: how many characters to insert, remove or change. */
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
