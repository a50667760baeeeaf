// The whole client, for service workers (no import() there), servers, React Native, and bundles.
import * as hybrid from '../crypto/hybrid.js';
import * as signatures from '../crypto/web-verifier.js';
import * as curves from '../protocol/curve-keys.js';
import * as names from '../protocol/outer-headers.js';
import * as padding from '../protocol/padding.js';
import * as cookies from './call/cookies.js';
import * as redirects from './call/redirects.js';
import { makeClient, type E2eClient } from './client.js';
import * as core from './core.js';
import * as debug from './debug/recorder.js';
import * as events from './events/source.js';
import * as fields from './fields/fields.js';
import * as engines from './handshake/other-engines.js';
import * as messages from './messages.js';
import type { E2eClientOptions } from './options.js';
import type { Loaders } from './parts.js';
import * as sockets from './socket/connection.js';
import * as streams from './stream/answer-stream.js';
import * as device from './trust/device.js';
import * as identity from './trust/identity.js';
import * as uploads from './upload/uploads.js';

export * from './types.js';

/** All parts but the engines that only runtimes without a complete WebCrypto need. */
const PARTS: Loaders = {
  cookies: async () => cookies,
  core: async () => core,
  curves: async () => curves,
  debug: async () => debug,
  device: async () => device,
  engines: async () => engines,
  events: async () => events,
  fields: async () => fields,
  hybrid: async () => hybrid,
  identity: async () => identity,
  messages: async () => messages,
  names: async () => names,
  padding: async () => padding,
  redirects: async () => redirects,
  signatures: async () => signatures,
  sockets: async () => sockets,
  streams: async () => streams,
  uploads: async () => uploads,
  forge: () => import('../crypto/forge.js'),
  'ml-kem': () => import('../crypto/noble-ml-kem.js'),
  native: () => import('../crypto/native.js'),
  'node-like': () => import('../crypto/node-like.js'),
  noble: () => import('../crypto/noble.js'),
};

/**
 * @throws E2eClientError `invalid-option`.
 *
 * @example
 * const client = createE2eClient({ baseUrl: 'https://api.example.com', keyKind: 'X25519' });
 * const response = await client.fetch('notes');
 */
export function createE2eClient(options: E2eClientOptions = {}): E2eClient {
  return makeClient(options, PARTS);
}
