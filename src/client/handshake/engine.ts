import type * as SignaturesPart from '../../crypto/web-verifier.js';
import { WebEngine } from '../../crypto/web.js';
import type { CryptoEngine } from '../../protocol/crypto.js';
import { HYBRID, type KeyKind } from '../../protocol/jwk.js';
import { need } from '../errors.js';
import type { Settings } from '../options.js';
import type * as EnginesPart from './other-engines.js';

/**
 * The engine that the options name and that supports this kind of key. A browser has it at once: WebCrypto, for the kinds
 * that it knows. Everything else is loaded.
 *
 * @throws E2eClientError `engine-unsupported`.
 */
export async function loadEngine(
  { engine: wanted }: Pick<Settings, 'engine'>,
  keyKind: KeyKind,
): Promise<CryptoEngine> {
  const isWeb = wanted === 'web' || (wanted === 'auto' && !mayBeNode());
  if (isWeb && keyKind !== HYBRID && WebEngine.isAvailable()) return new WebEngine(loadSignatures);
  const { loadOtherEngine } = await need<typeof EnginesPart>('engines');
  return loadOtherEngine(wanted, keyKind, loadSignatures);
}

function loadSignatures() {
  return need<typeof SignaturesPart>('signatures');
}

/** Whether it has modules of its own, as Node, Deno and Bun have. */
function mayBeNode(): boolean {
  return !!(globalThis as { process?: { getBuiltinModule?: unknown } }).process?.getBuiltinModule;
}
