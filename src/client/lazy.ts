// The client as browsers' pages load it: the parts that a page may not need are loaded on demand.
import { makeClient, type E2eClient } from './client.js';
import type { E2eClientOptions } from './options.js';
import { provide, type FirstPart, type Loaders } from './parts.js';

export * from './types.js';

/** The core brings the loaders of the other parts. */
const FIRST: Pick<Loaders, FirstPart> = {
  core: async () => {
    const core = await import('./on-demand/core.js');
    provide(core.LOADERS);
    return core;
  },
  events: () => import('./on-demand/events.js'),
  messages: () => import('./messages.js'),
  sockets: () => import('./on-demand/sockets.js'),
};

/**
 * Creates a client for one server. It opens its channel with the first call.
 *
 * @example
 * const client = createE2eClient({ baseUrl: 'https://api.example.com', keyKind: 'X25519' });
 * const response = await client.fetch('notes');
 *
 * @throws E2eClientError `invalid-option`.
 */
export function createE2eClient(options: E2eClientOptions = {}): E2eClient {
  return makeClient(options, FIRST);
}
