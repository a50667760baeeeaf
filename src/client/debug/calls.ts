/** One side of a request or a response, for people to read. */
export interface DebugMessage {
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** At most 16,384 characters. Binary content is described. */
  readonly body: string;
}

/** One request that was sent, and its response. */
export interface DebugCall {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  /** As the caller passed it, with its query. */
  readonly url: string;
  /** As it was sent. */
  readonly wireUrl: string;
  readonly request: { readonly plain: DebugMessage; readonly wire: DebugMessage };
  /** `undefined` until it has arrived, or if nothing came back. */
  response?: {
    /** The true status; `undefined` if the response could not be opened. */
    readonly status: number | undefined;
    readonly wireStatus: number;
    readonly plain: DebugMessage;
    readonly wire: DebugMessage;
  };
  /** Why the call failed. */
  error?: string;
}

/** How many calls are kept. */
const MAX_CALLS = 50;

interface Store {
  readonly calls: DebugCall[];
  readonly listeners: Set<() => void>;
}

/** One for all copies of this file: a page may load the client and the panel from different bundles. */
const STORE = Symbol.for('nestjs-e2e-encryption.debug');

function store(): Store {
  const holder = globalThis as { [STORE]?: Store };
  return (holder[STORE] ??= { calls: [], listeners: new Set() });
}

/** Keeps a call. At the limit it replaces the oldest one. */
export function keepCall(call: DebugCall): void {
  const { calls } = store();
  calls.push(call);
  if (calls.length > MAX_CALLS) calls.shift();
  noteChange();
}

export function noteChange(): void {
  for (const listener of store().listeners) listener();
}

/**
 * The last calls of all clients with the option `debug`, oldest first.
 *
 * @example
 * for (const call of debugCalls()) show(call);
 */
export function debugCalls(): readonly DebugCall[] {
  return [...store().calls];
}

/**
 * Forgets all calls.
 *
 * @example
 * clearDebugCalls();
 * await client.fetch('notes');
 * show(debugCalls());
 */
export function clearDebugCalls(): void {
  store().calls.length = 0;
  noteChange();
}

/**
 * Calls `listener` after each change.
 *
 * @returns a function that removes the listener.
 *
 * @example
 * const stop = watchDebugCalls(() => show(debugCalls()));
 * stop();
 */
export function watchDebugCalls(listener: () => void): () => void {
  store().listeners.add(listener);
  return () => store().listeners.delete(listener);
}
