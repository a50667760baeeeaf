import type { Loaders } from '../parts.js';

/** Loads each part with its first use. The parts that share no module with the core are imported as they are. */
export const LOADERS: Loaders = {
  cookies: () => import('../call/cookies.js'),
  core: () => import('./core.js'),
  curves: () => import('./curves.js'),
  debug: () => import('./debug.js'),
  device: () => import('./device.js'),
  engines: () => import('./engines.js'),
  events: () => import('./events.js'),
  fields: () => import('./fields.js'),
  forge: () => import('./forge.js'),
  hybrid: () => import('./hybrid.js'),
  identity: () => import('./identity.js'),
  messages: () => import('../messages.js'),
  'ml-kem': () => import('./ml-kem.js'),
  names: () => import('../../protocol/outer-headers.js'),
  native: () => import('./native.js'),
  'node-like': () => import('./node-like.js'),
  noble: () => import('./noble.js'),
  padding: () => import('./padding.js'),
  redirects: () => import('./redirects.js'),
  signatures: () => import('../../crypto/web-verifier.js'),
  sockets: () => import('./sockets.js'),
  streams: () => import('./streams.js'),
  uploads: () => import('./uploads.js'),
};
