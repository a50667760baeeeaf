/** What a query or a form is made of. */
type Pairs = readonly (readonly [string, string | null])[];

/**
 * An object as a query string or form, written as superagent writes it: nested members in brackets, a list as its name
 * again for each value, `null` as a name alone; members that are undefined are left out.
 */
export function toQuery(object: object): string {
  return pairsOf(object)
    .map(([name, value]) => (value === null ? encode(name) : `${encode(name)}=${encode(value)}`))
    .join('&');
}

function pairsOf(object: object, prefix = ''): Pairs {
  return Object.entries(object).flatMap(([name, value]: [string, unknown]) =>
    pairsOfValue(prefix ? `${prefix}[${name}]` : name, value),
  );
}

function pairsOfValue(name: string, value: unknown): Pairs {
  if (value === undefined || typeof value === 'function') return [];
  if (value === null) return [[name, null]];
  if (value instanceof Date) return [[name, value.toISOString()]];
  if (Array.isArray(value)) return value.flatMap((each) => pairsOfValue(name, each));
  if (typeof value === 'object') return pairsOf(value, name);
  return [[name, `${value as string | number | boolean | bigint}`]];
}

/** All but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
