import { pointerTo, stepsOf } from '../../protocol/field.js';
import { classOf, isEncrypted, nestedTypes, type FieldClass } from '../routes/field-types.js';
import { hiddenField, hideField } from '../routes/field-value.js';

/** Seals one member. */
type Seal = (path: string, value: unknown) => string;

/**
 * The same value with its encrypted members sealed: members of instances anywhere; members of plain objects that the
 * declared class has; and members that a serializer has hidden. Only changed objects are copied.
 *
 * @param declared the classes that the value itself is declared to have.
 */
export function sealFields(value: unknown, declared: readonly FieldClass[], seal: Seal, path = ''): unknown {
  const hidden = hiddenField(value);
  if (hidden) return seal(path, hidden.value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    return changed(value, [...value.keys()], (index) =>
      sealFields(value[index], declared, seal, pointerTo(path, index)),
    );
  }
  const own = classOf(value);
  const types = own ? [...declared, own] : declared;
  const names = Object.keys(value);
  const container = value as Record<string, unknown>;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') {
    // The result of its `toJSON` is sent, perhaps with its fields at other places.
    const hiding = changed(container, names, (name) =>
      isEncrypted(types, name) && isInJson(container[name]) ? hideField(container[name]) : container[name],
    );
    const made: unknown = (toJSON as (key: string) => unknown).call(hiding, stepsOf(path).at(-1) ?? '');
    return sealFields(withoutToJson(made), declared, seal, path);
  }
  return sealMembers(container, types, seal, path);
}

function sealMembers(object: object, types: readonly FieldClass[], seal: Seal, path: string): unknown {
  const container = object as Record<string, unknown>;
  const names = Object.keys(container);
  return changed(container, names, (name) => {
    const [member, at] = [container[name], pointerTo(path, name)];
    if (isEncrypted(types, name)) return isInJson(member) ? seal(at, hiddenField(member)?.value ?? member) : member;
    const nested = nestedTypes(types, name, container);
    const direct = nested.filter(({ isMap }) => !isMap).flatMap(({ types }) => types);
    const ofValues = nested.filter(({ isMap }) => isMap).flatMap(({ types }) => types);
    if (ofValues.length === 0 || typeof member !== 'object' || member === null) {
      return sealFields(member, direct, seal, at);
    }
    const map = member as Record<string, unknown>;
    return changed(map, Object.keys(map), (key) => sealFields(map[key], ofValues, seal, pointerTo(at, key)));
  });
}

/** A copy with these members replaced if one of them differs, otherwise the object itself. */
function changed<Key extends string | number>(
  object: object,
  keys: readonly Key[],
  make: (key: Key) => unknown,
): unknown {
  const members = object as Record<Key, unknown>;
  let copy: Record<Key, unknown> | undefined;
  for (const key of keys) {
    const made = make(key);
    if (made === members[key]) continue;
    copy ??= Array.isArray(object) ? ([...(object as unknown[])] as never) : copyOf(members);
    setOwn(copy, key, made);
  }
  return copy ?? object;
}

/** With its class, so that its own `toJSON` works. */
function copyOf<Members extends object>(object: Members): Members {
  const copy = Object.create(Object.getPrototypeOf(object) as object | null) as Members;
  for (const name of Object.keys(object)) setOwn(copy, name, object[name as keyof Members]);
  return copy;
}

/** Defined without calling setters of its class, and even if the original is frozen. */
function setOwn(object: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

/** JSON calls `toJSON` once, and not that of its result. With its class, which says what is encrypted. */
function withoutToJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || hiddenField(value)) return value;
  if (typeof (value as { toJSON?: unknown }).toJSON !== 'function') return value;
  const copy = copyOf(value);
  setOwn(copy, 'toJSON', undefined);
  return copy;
}

/** Whether JSON has a member of this value: not of `undefined`, and not of a function, unless it hides a field. */
function isInJson(value: unknown): boolean {
  return (
    value !== undefined && typeof value !== 'symbol' && (typeof value !== 'function' || Boolean(hiddenField(value)))
  );
}
