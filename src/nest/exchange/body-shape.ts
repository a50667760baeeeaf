import { BadRequestException } from '@nestjs/common';

/**
 * Rejects values that a client must not send as JSON, as a form or as a query, with any parser.
 *
 * @throws BadRequestException
 */
export function rejectUnsafeShape(value: unknown, maxDepth: number): void {
  const flaw = shapeFlaw(value, maxDepth);
  if (flaw !== undefined) throw new BadRequestException(`The sealed request was rejected: it has ${flaw}.`);
}

/**
 * The reason why a parsed value is unsafe: nested deeper than `maxDepth`, or an object with an own `__proto__`, or with
 * a `constructor` that has a `prototype`, which a later merge would turn into everyone's.
 *
 * Level by level, so that the depth of the value is not the depth of the stack. `for … in` reads the members where they
 * are, an own `__proto__` among them: a fifth of the time that lists of them take.
 */
export function shapeFlaw(root: unknown, maxDepth: number): string | undefined {
  let level: object[] = isObject(root) ? [root] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth) return `more than ${maxDepth} levels of nesting`;
    const next: object[] = [];
    for (const container of level) {
      if (Array.isArray(container)) {
        for (const value of container as unknown[]) if (isObject(value)) next.push(value);
        continue;
      }
      const members = container as Record<string, unknown>;
      for (const name in members) {
        const value = members[name];
        if (name === '__proto__' || (name === 'constructor' && hasPrototype(value))) return 'a forbidden member name';
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
