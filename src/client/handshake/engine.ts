import { WebEngine } from '../../crypto/web.js';
import type { CryptoEngine } from '../../protocol/crypto.js';
import { HYBRID, type KeyKind } from '../../protocol/key-kind.js';
import { failure, need } from '../errors.js';
import type { Settings } from '../options.js';

/**
 * The engine that the options name, and that has this kind of key. node-forge and what the hybrid kind needs are imported
 * only here, so that bundlers make them chunks of their own, which a page that does not use them never loads.
 *
 * @throws E2eClientError `engine-unsupported`.
 */
export async function loadEngine(
  { engine: wanted }: Pick<Settings, 'engine'>,
  keyKind: KeyKind,
): Promise<CryptoEngine> {
  const engine = typeof wanted === 'object' ? wanted : await loadByName(wanted, keyKind);
  if (!engine.kinds.includes(keyKind)) {
    throw await failure('engine-unsupported', 'kinds', { engine, keyKind });
  }
  return engine;
}

async function loadByName(name: 'auto' | 'web' | 'forge', keyKind: KeyKind): Promise<CryptoEngine> {
  if (name !== 'forge' && WebEngine.isAvailable()) return keyKind === HYBRID ? loadHybrid() : new WebEngine();
  if (name === 'web') throw await failure('engine-unsupported', 'noWebCrypto');
  const { ForgeEngine } = await need('forge', () => import('../../crypto/forge.js'));
  return new ForgeEngine();
}

async function loadHybrid(): Promise<CryptoEngine> {
  const { HybridEngine } = await need('hybrid', () => import('../../crypto/hybrid.js'));
  return new HybridEngine(() => need('noble', () => import('../../crypto/noble-ml-kem.js')));
}
