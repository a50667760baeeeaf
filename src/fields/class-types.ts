import type { TypeMetadata } from 'class-transformer';
import { defaultMetadataStorage as storage } from 'class-transformer/cjs/storage.js';
import type { FieldClass, FieldMember, FieldTypes, NestedTypes } from '../nest/routes/field-types.js';

/** Marks the `@Transform()` of an encrypted field, so that it can be found in class-transformer's storage. */
export const FIELD = Symbol.for('nestjs-e2e-encryption.field');

/** Every class that `@EncryptedField()` was used on. */
const marked = new Set<FieldClass>();

export function noteClass(type: FieldClass): void {
  marked.add(type);
}

/**
 * Whether the class-transformer whose decorators are used is the one that is read. A bundler may put two copies into an
 * application, and then no field would be found.
 */
export function isMarked(type: FieldClass, property: string): boolean {
  const transforms = storage._transformMetadatas.get(type)?.get(property) ?? [];
  return transforms.some(({ transformFn }) => FIELD in transformFn);
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Reads classes as class-transformer does: its `@Type()`, `@Expose()` and inheritance, and what `PartialType()`,
 * `PickType()` and the like copy of them. The type that TypeScript wrote for a property counts too.
 */
export class ClassTypes implements FieldTypes {
  readonly #encrypted = new WeakMap<FieldClass, ReadonlySet<string>>();

  encrypted(type: FieldClass): ReadonlySet<string> {
    const known = this.#encrypted.get(type);
    if (known) return known;
    const names = ancestors(type)
      .flatMap((each) => [...(storage._transformMetadatas.get(each) ?? [])])
      .filter(([, transforms]) => transforms.some(({ transformFn }) => FIELD in transformFn))
      .flatMap(([property]) => jsonNames(type, property));
    const found = names.length > 0 ? new Set(names) : NONE;
    this.#encrypted.set(type, found);
    return found;
  }

  nested(type: FieldClass, name: string, object: object): NestedTypes | undefined {
    const property = propertyOf(type, name);
    const declared = storage.findTypeMetadata(type, property);
    const written = designType(type, property);
    const types = new Set<FieldClass>(written && isOwn(written) ? [written] : []);
    if (declared) {
      const given = typeGiven(declared, object, property);
      if (typeof given === 'function') types.add(given as FieldClass);
      for (const { value } of declared.options.discriminator?.subTypes ?? []) types.add(value);
    }
    const holder: unknown = declared?.reflectedType ?? written;
    const isList = holder === Array || holder === Set || (UNTYPED.has(holder) ? undefined : false);
    return types.size > 0 ? { types: [...types], isMap: holder === Map, isList } : undefined;
  }

  members(type: FieldClass): readonly FieldMember[] {
    const names = new Set(
      ancestors(type).flatMap((each) => [
        ...(storage._typeMetadatas.get(each)?.keys() ?? []),
        ...(storage._exposeMetadatas.get(each)?.keys() ?? []),
        ...validated(each),
        ...documented(each),
      ]),
    );
    const isUntyped = (name: string) => !storage.findTypeMetadata(type, name) && UNTYPED.has(designType(type, name));
    return [...names]
      .filter((name) => name !== undefined)
      .map((name) => ({ name, jsonNames: jsonNames(type, name), isUntyped: isUntyped(name) }));
  }

  classes(): readonly FieldClass[] {
    return [...marked];
  }
}

/** A function of the application, which may read the object. */
function typeGiven(declared: TypeMetadata, object: object, property: string): unknown {
  try {
    return declared.typeFunction({ newObject: {}, object: object as Record<string, unknown>, property });
  } catch {
    return undefined;
  }
}

/** What TypeScript writes for arrays, maps, interfaces and unions. */
const UNTYPED: ReadonlySet<unknown> = new Set([Array, Object, Map, Set]);
/** Classes that JSON has no members of. */
const PLAIN: ReadonlySet<unknown> = new Set([
  ...UNTYPED,
  String,
  Number,
  Boolean,
  BigInt,
  Symbol,
  Date,
  Function,
  Promise,
]);

function isOwn(type: unknown): type is FieldClass {
  return typeof type === 'function' && !PLAIN.has(type);
}

function designType(type: FieldClass, property: string): FieldClass | undefined {
  return Reflect.getMetadata('design:type', type.prototype as object, property) as FieldClass | undefined;
}

/**
 * The names under which JSON may have a property: plain to class, and back. Also those of its ancestors, which
 * class-transformer goes on reading where a class gives it another name.
 */
function jsonNames(type: FieldClass, property: string): string[] {
  const names = ancestors(type).map((each) => storage._exposeMetadatas.get(each)?.get(property)?.options.name);
  return [property, ...names.filter((name) => name !== undefined)];
}

function propertyOf(type: FieldClass, name: string): string {
  return storage.findExposeMetadataByCustomName(type, name)?.propertyName ?? name;
}

/** The properties that class-validator's decorators were put on, where that is used. */
function validated(type: FieldClass): string[] {
  interface Storage {
    readonly validationMetadatas?: Map<unknown, { propertyName: string }[]>;
  }
  const { classValidatorMetadataStorage: known } = globalThis as { classValidatorMetadataStorage?: Storage };
  const found = known?.validationMetadatas;
  return found instanceof Map ? (found.get(type) ?? []).map(({ propertyName }) => propertyName) : [];
}

/** The properties that have a decorator of `@nestjs/swagger`, where that is used. */
function documented(type: FieldClass): string[] {
  const found = Reflect.getMetadata('swagger/apiModelPropertiesArray', type.prototype as object) as unknown;
  return Array.isArray(found) ? found.map((name) => String(name).replace(/^:/, '')) : [];
}

/** The class itself, and those that it extends. */
function ancestors(type: FieldClass): FieldClass[] {
  const found: FieldClass[] = [];
  for (let each: unknown = type; typeof each === 'function' && each !== Function.prototype;) {
    found.push(each as FieldClass);
    each = Object.getPrototypeOf(each);
  }
  return found;
}
