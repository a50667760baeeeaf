/** A wrapped record, after the epoch of its session that it is valid in. No epoch has a dot. */
export function joinEpoch(epoch: string, wrapped: string): string {
  // V8 keeps the parts of a template beside its result. This is one string.
  return [epoch, wrapped].join('.');
}

/** The two again, or `undefined` for any other string. */
export function splitEpoch(stored: string): { readonly epoch: string; readonly wrapped: string } | undefined {
  const dot = stored.indexOf('.');
  return dot < 0 ? undefined : { epoch: stored.slice(0, dot), wrapped: stored.slice(dot + 1) };
}
