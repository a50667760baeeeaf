import * as crypto from 'node:crypto';
import { ForgeEngine } from '../../../src/crypto/forge.js';
import { withNative, type NodeCrypto } from '../../../src/crypto/native.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { NodeLikeEngine } from '../../../src/crypto/node-like.js';
import { NobleEngine } from '../../../src/crypto/noble.js';
import { HybridEngine } from '../../../src/crypto/hybrid.js';
import type { CryptoEngine } from '../../../src/protocol/crypto.js';
import { keyKind, type KeyKind, type PrivateJwk, type PublicJwk } from '../../../src/protocol/keys.js';

const hybrid = () => new HybridEngine(() => import('../../../src/crypto/noble-ml-kem.js'));

export const engines: readonly CryptoEngine[] = [
  new NodeEngine(),
  hybrid(),
  withNative(hybrid(), crypto as unknown as NodeCrypto),
  new ForgeEngine(),
  new NobleEngine(),
  // As react-native-quick-crypto is used, with Node's own module in its place.
  new NodeLikeEngine(crypto),
];

export function has(engine: CryptoEngine, kind: KeyKind): boolean {
  return engine.kinds.includes(kind);
}

export type { PrivateJwk };

/** The public half of a private JWK, as it would travel. */
export function publicHalf(jwk: PrivateJwk): PublicJwk {
  const { n, e, x, y, pub } = jwk as unknown as Record<'n' | 'e' | 'x' | 'y' | 'pub', string>;
  switch (keyKind(jwk)) {
    case 'RSA':
      return { kty: 'RSA', n, e };
    case 'P-256':
      return { kty: 'EC', crv: 'P-256', x, y };
    case 'X25519':
      return { kty: 'OKP', crv: 'X25519', x };
    case 'MLKEM768-X25519':
      return { kty: 'AKP', alg: 'MLKEM768-X25519', pub };
  }
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
