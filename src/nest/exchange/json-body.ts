/** What may not come in a JSON body, at any depth (PROTOCOL leaves it to the receiver; prototype pollution does not). */
export type JsonFlaw = 'not JSON' | 'too deep' | 'a forbidden member';

/**
 * A JSON body from its text, or what is wrong with it: nested deeper than `maxDepth`, or an object with an own
 * `__proto__`, or with a `constructor` that has a `prototype`, which a later merge would turn into everyone's.
 */
export function parseJsonBody(text: string, maxDepth: number): { value: unknown } | { flaw: JsonFlaw } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { flaw: 'not JSON' }; // the cause quotes the plaintext
  }
  const flaw = flawOf(value, maxDepth);
  return flaw ? { flaw } : { value };
}

/**
 * Level by level, so that the depth of the body is not the depth of the stack. `for … in` reads the members where they
 * are, an own `__proto__` among them: a fifth of the time that lists of them take.
 */
function flawOf(body: unknown, maxDepth: number): JsonFlaw | undefined {
  let level: object[] = isObject(body) ? [body] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth) return 'too deep';
    const next: object[] = [];
    for (const container of level) {
      if (Array.isArray(container)) {
        for (const value of container as unknown[]) if (isObject(value)) next.push(value);
        continue;
      }
      const members = container as Record<string, unknown>;
      for (const name in members) {
        const value = members[name];
        if (name === '__proto__' || (name === 'constructor' && hasPrototype(value))) return 'a forbidden member';
        if (isObject(value)) next.push(value);
      }
    }
    level = next;
  }
  return undefined;
}

function hasPrototype(value: unknown): boolean {
  return isObject(value) && Object.hasOwn(value, 'prototype');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
