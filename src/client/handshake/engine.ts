import { WebEngine } from '../../crypto/web.js';
import type { CryptoEngine } from '../../protocol/crypto.js';
import { failure, need } from '../errors.js';
import type { Settings } from '../options.js';

/**
 * The engine that the options name, and that has their kind of key. node-forge is imported only here, so that bundlers
 * make it a chunk of its own, which a page with WebCrypto never loads.
 *
 * @throws E2eClientError `engine-unsupported`.
 */
export async function loadEngine({ engine: wanted, keyKind }: Settings): Promise<CryptoEngine> {
  const engine = typeof wanted === 'object' ? wanted : await loadByName(wanted);
  if (!engine.kinds.includes(keyKind)) {
    throw await failure('engine-unsupported', 'kinds', { engine, keyKind });
  }
  return engine;
}

async function loadByName(name: 'auto' | 'web' | 'forge'): Promise<CryptoEngine> {
  if (name !== 'forge' && WebEngine.isAvailable()) return new WebEngine();
  if (name === 'web') throw await failure('engine-unsupported', 'noWebCrypto');
  const { ForgeEngine } = await need('forge', () => import('../../crypto/forge.js'));
  return new ForgeEngine();
}
