const LEAVING =
  'A value with @EncryptedField() would have been sent in the clear, so it was rejected. Let the handler return it, or pass it to ' +
  'response.json() or reply.send(), and put @EncryptedField() above other transforms of the property.';

const values = new WeakMap<object, unknown>();

/**
 * Puts an encrypted member, whose object is losing its class in a serializer, into something that passes class-transformer
 * and shows its value to nobody. It is a function, since class-transformer copies objects.
 */
export function hideField(value: unknown): unknown {
  const hidden = Object.assign(() => undefined, { toJSON: refuse, toString: refuse, valueOf: refuse });
  values.set(hidden, value);
  return hidden;
}

/** What was hidden, or `undefined` if nothing was. */
export function hiddenField(candidate: unknown): { readonly value: unknown } | undefined {
  const isHidden = typeof candidate === 'function' && values.has(candidate);
  return isHidden ? { value: values.get(candidate) } : undefined;
}

function refuse(): never {
  throw new Error(LEAVING);
}
