import { describe, expect, it } from '@jest/globals';
import { shakeHands } from '../../../src/channel/handshake.js';
import { IdentityKeys } from '../../../src/channel/identity.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { parsePublicKey, type PublicJwk } from '../../../src/protocol/keys.js';
import { keyPair } from '../../external/conformance/peer.js';

/** Counts how often two key pairs agree on a secret. */
class CountingEngine extends NodeEngine {
  agreements = 0;

  override agree(...keys: Parameters<NodeEngine['agree']>): ReturnType<NodeEngine['agree']> {
    this.agreements++;
    return super.agree(...keys);
  }
}

function handshake(engine: NodeEngine, clientKey: PublicJwk) {
  const keys = new IdentityKeys(engine, []);
  const pair = engine.generateKeyPair(clientKey.kty === 'EC' ? 'P-256' : 'X25519');
  return shakeHands(engine, keys, { clientKey, keyPair: pair, session: 'name', issuedAt: 0, expiresAt: 3600 });
}

describe('The key pairs of a channel', () => {
  it.each(['X25519', 'P-256'] as const)('agree once on %s, for all that comes from their secret', async (kind) => {
    const engine = new CountingEngine();
    const { channel } = handshake(engine, parsePublicKey((await keyPair(kind)).jwk));
    expect(channel.againKey()).toHaveLength(32);
    channel.againKey();
    expect(engine.agreements).toBe(1);
  });

  // Points of small order (RFC 7748 §6.1), little-endian, as Wycheproof has them.
  it.each([
    ['0', '00'.repeat(32)],
    ['1', '01' + '00'.repeat(31)],
    ['of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ['p - 1', 'ec' + 'ff'.repeat(30) + '7f'],
  ])('make no channel where the secret would be all zeros: %s', (_, hex) => {
    const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(hex, 'hex').toString('base64url') };
    expect(() => handshake(new NodeEngine(), parsePublicKey(jwk))).toThrow(
      expect.objectContaining({ code: 'key-rejected' }),
    );
  });
});
