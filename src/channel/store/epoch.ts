/** The stored form of a wrapped record: the session's epoch in which it is valid, a dot, the record. No epoch has a dot. */
export function joinEpoch(epoch: string, wrapped: string): string {
  // A template literal keeps its parts in memory beside the result. `join` makes one flat string.
  return [epoch, wrapped].join('.');
}

/** The two again, or `undefined` for any other string. */
export function splitEpoch(stored: string): { readonly epoch: string; readonly wrapped: string } | undefined {
  const dot = stored.indexOf('.');
  return dot < 0 ? undefined : { epoch: stored.slice(0, dot), wrapped: stored.slice(dot + 1) };
}
