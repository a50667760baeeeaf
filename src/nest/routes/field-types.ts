import { pointerTo } from '../../protocol/field.js';

/** A class, by its constructor. */
export type FieldClass = abstract new (...args: never) => unknown;

/** What a library of decorators knows of classes: `nestjs-e2e-encryption/fields` reads that of class-transformer. */
export interface FieldTypes {
  /** The names under which JSON has the encrypted members of this class. Empty if it has none. */
  encrypted(type: FieldClass): ReadonlySet<string>;
  /** The classes that the value of a member, or each value in it, may have. */
  nested(type: FieldClass, name: string, object: object): NestedTypes | undefined;
  /** The members of this class that have a type, or whose type could not be told (an array, an object). */
  members(type: FieldClass): readonly FieldMember[];
  /** Every class with an encrypted member. */
  classes(): readonly FieldClass[];
}

export interface NestedTypes {
  readonly types: readonly FieldClass[];
  readonly isMap: boolean;
  /** Whether it is declared as an array or a set; `undefined` if its declared type does not say. */
  readonly isList: boolean | undefined;
}

export interface FieldMember {
  readonly name: string;
  /** The names under which JSON may have it. */
  readonly jsonNames: readonly string[];
  readonly isUntyped: boolean;
}

let known: FieldTypes | undefined;

/** Called with the first `@EncryptedField()`. */
export function setFieldTypes(types: FieldTypes): void {
  known = types;
}

/** `undefined` in an application without encrypted fields. */
export function fieldTypes(): FieldTypes | undefined {
  return known;
}

/**
 * Where JSON of a class has its encrypted members, as patterns of the client's option `e2e.fields`. Each may be absent.
 * A class that contains itself would have endlessly many: they name its first level.
 */
export function fieldPatterns(
  type: FieldClass,
  above: readonly string[] = [],
  outer: readonly FieldClass[] = [],
): string[] {
  if (!known || outer.includes(type)) return [];
  const own = [...known.encrypted(type)].map((name) => patternOf([...above, name]));
  const inner = known.members(type).flatMap(({ name, jsonNames }) => {
    const nested = isEncrypted([type], name) ? undefined : known?.nested(type, name, {});
    return jsonNames.flatMap((each) =>
      stepsInto(nested).flatMap((steps) =>
        nested!.types.flatMap((inside) => fieldPatterns(inside, [...above, each, ...steps], [...outer, type])),
      ),
    );
  });
  return [...new Set([...own, ...inner])];
}

/** From a member to the objects in it: both ways if its declared type does not say whether there are several. */
function stepsInto(nested: NestedTypes | undefined): string[][] {
  if (!nested) return [];
  if (nested.isMap || nested.isList) return [['*']];
  return nested.isList === undefined ? [[], ['*']] : [[]];
}

function patternOf(steps: readonly string[]): string {
  const isPlain = steps.every((step) => /^[^./~]+$/.test(step));
  return `${isPlain ? steps.join('.') : steps.map((step) => pointerTo('', step)).join('')}?`;
}

/** An encrypted member that a body has. */
export interface FoundField {
  readonly container: Record<string, unknown>;
  readonly name: string;
  /** Its JSON pointer. */
  readonly path: string;
}

/**
 * Finds the encrypted members of a parsed body, by class-transformer's rules: where an object of a class is expected,
 * an array may have several, and a map has them as its values. Where there are several possible classes, it finds what
 * any of them encrypts.
 */
export function* findFields(value: unknown, types: readonly FieldClass[], path = ''): Generator<FoundField> {
  if (typeof value !== 'object' || value === null || types.length === 0 || !known) return;
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) yield* findFields(each, types, pointerTo(path, index));
    return;
  }
  const container = value as Record<string, unknown>;
  for (const name of Object.keys(container)) {
    const at = pointerTo(path, name);
    if (isEncrypted(types, name)) yield { container, name, path: at };
    else yield* findNested(container[name], nestedTypes(types, name, container), at);
  }
}

function* findNested(value: unknown, nested: readonly NestedTypes[], path: string): Generator<FoundField> {
  const direct = nested.filter(({ isMap }) => !isMap).flatMap(({ types }) => types);
  const ofValues = nested.filter(({ isMap }) => isMap).flatMap(({ types }) => types);
  yield* findFields(value, direct, path);
  if (ofValues.length === 0 || typeof value !== 'object' || value === null) return;
  for (const [name, each] of Object.entries(value)) yield* findFields(each, ofValues, pointerTo(path, name));
}

export function isEncrypted(types: readonly FieldClass[], name: string): boolean {
  return types.some((type) => known?.encrypted(type).has(name));
}

export function nestedTypes(types: readonly FieldClass[], name: string, object: object): NestedTypes[] {
  return types.map((type) => known?.nested(type, name, object)).filter((each) => each !== undefined);
}

/** The class of an object, if it is one that has encrypted members or may contain objects that do. */
export function classOf(value: object): FieldClass | undefined {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' && constructor !== Object ? (constructor as FieldClass) : undefined;
}

/** Every class that may occur in a value of this class, itself among them. */
export function reachable(root: FieldClass): ReadonlySet<FieldClass> {
  const found = new Set<FieldClass>();
  const visit = (type: FieldClass): void => {
    if (found.has(type) || !known) return;
    found.add(type);
    for (const { name } of known.members(type)) known.nested(type, name, {})?.types.forEach(visit);
  };
  visit(root);
  return found;
}

/** Whether a value of this class may have an encrypted member. */
export function hasFields(root: FieldClass): boolean {
  return [...reachable(root)].some((type) => known!.encrypted(type).size > 0);
}
