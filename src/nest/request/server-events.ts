import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** What a server hands to whoever listens for upgrades. */
export type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Stands before all listeners of a server for one of its events, those that take the others' place (as engine.io does)
 * among them.
 *
 * @param before called first. The listeners get the event unless it returns `false`.
 * @returns what gives the listeners alone an event.
 */
export function interceptEvent<Args extends unknown[]>(
  server: Pick<Server, 'emit'>,
  name: string,
  before: (...args: Args) => unknown,
): (...args: Args) => boolean {
  const emit = server.emit.bind(server) as Emit;
  const intercepted: Emit = (event, ...args) => {
    if (event === name && before(...(args as Args)) === false) return true;
    return emit(event, ...args);
  };
  server.emit = intercepted as Server['emit'];
  return (...args) => emit(name, ...args);
}
