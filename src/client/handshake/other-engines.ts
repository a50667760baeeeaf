import type * as ForgePart from '../../crypto/forge.js';
import type * as HybridPart from '../../crypto/hybrid.js';
import type * as NativePart from '../../crypto/native.js';
import type * as NobleMlKemPart from '../../crypto/noble-ml-kem.js';
import type * as NoblePart from '../../crypto/noble.js';
import type { NodeLikeCrypto } from '../../crypto/node-like.js';
import type * as NodeLikePart from '../../crypto/node-like.js';
import { WebEngine, type LoadSignatures } from '../../crypto/web.js';
import type { CryptoEngine } from '../../protocol/crypto.js';
import { HYBRID, type KeyKind } from '../../protocol/jwk.js';
import { failure, need } from '../errors.js';
import type { Settings } from '../options.js';

/**
 * The engine that the options name and that supports this kind of key, if it is not the usual one. The JavaScript
 * engines and the code of the hybrid kind are parts of their own, which only pages that use them load.
 *
 * @throws E2eClientError `engine-unsupported`.
 */
export async function loadOtherEngine(
  wanted: Settings['engine'],
  keyKind: KeyKind,
  loadSignatures: LoadSignatures,
): Promise<CryptoEngine> {
  const engine = await (typeof wanted === 'string' ? loadByName(wanted, keyKind, loadSignatures) : loadGiven(wanted));
  if (!engine.kinds.includes(keyKind)) {
    throw await failure('engine-unsupported', 'kinds', { engine, keyKind });
  }
  return engine;
}

/** An engine, or a module to make one of. */
async function loadGiven(given: CryptoEngine | NodeLikeCrypto): Promise<CryptoEngine> {
  if (!('createCipheriv' in given)) return given;
  const { NodeLikeEngine } = await need<typeof NodeLikePart>('node-like');
  return new NodeLikeEngine(given);
}

async function loadByName(
  name: 'auto' | 'web' | 'forge' | 'noble',
  keyKind: KeyKind,
  loadSignatures: LoadSignatures,
): Promise<CryptoEngine> {
  if ((name === 'auto' || name === 'web') && WebEngine.isAvailable()) {
    const engine = keyKind === HYBRID ? await loadHybrid(loadSignatures) : new WebEngine(loadSignatures);
    const crypto = name === 'auto' && nodeCrypto();
    if (!crypto) return engine;
    const { withNative } = await need<typeof NativePart>('native');
    return withNative(engine, crypto);
  }
  if (name === 'web') throw await failure('engine-unsupported', 'noWebCrypto');
  if (!hasRandom()) throw await failure('runtime-unsupported', 'noRandom');
  if (name === 'noble' || (name === 'auto' && keyKind !== 'RSA')) {
    const { NobleEngine } = await need<typeof NoblePart>('noble');
    return new NobleEngine();
  }
  const { ForgeEngine } = await need<typeof ForgePart>('forge');
  return new ForgeEngine();
}

async function loadHybrid(loadSignatures: LoadSignatures): Promise<WebEngine> {
  const { HybridEngine } = await need<typeof HybridPart>('hybrid');
  return new HybridEngine(() => need<typeof NobleMlKemPart>('ml-kem'), loadSignatures);
}

/** Whether keys can be made. No other source of random numbers is ever used. */
function hasRandom(): boolean {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  return typeof crypto?.getRandomValues === 'function';
}

interface Runtime {
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { getBuiltinModule?: (name: string) => unknown };
}

/** `undefined` if this is not Node. Other runtimes have the function too, but not every module. */
function nodeCrypto(): NativePart.NodeCrypto | undefined {
  const { navigator, process } = globalThis as Runtime;
  const isNode = (navigator?.userAgent ?? 'Node.js').startsWith('Node.js');
  return isNode ? (process?.getBuiltinModule?.('node:crypto') as NativePart.NodeCrypto | undefined) : undefined;
}
