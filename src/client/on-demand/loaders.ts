import type { FirstPart, Loaders } from '../parts.js';

/**
 * Loads each part with its first use. They come with the core, so bundlers know that it is there by then. The parts that
 * share no module with the core are imported as they are.
 */
export const LOADERS: Omit<Loaders, FirstPart> = {
  cookies: () => import('../call/cookies.js'),
  curves: () => import('./curves.js'),
  debug: () => import('./debug.js'),
  device: () => import('./device.js'),
  engines: () => import('./engines.js'),
  fields: () => import('./fields.js'),
  forge: () => import('./forge.js'),
  hybrid: () => import('./hybrid.js'),
  identity: () => import('./identity.js'),
  'ml-kem': () => import('./ml-kem.js'),
  names: () => import('../../protocol/outer-headers.js'),
  native: () => import('./native.js'),
  'node-like': () => import('./node-like.js'),
  noble: () => import('./noble.js'),
  padding: () => import('./padding.js'),
  redirects: () => import('./redirects.js'),
  signatures: () => import('../../crypto/web-verifier.js'),
  streams: () => import('./streams.js'),
  uploads: () => import('./uploads.js'),
};
