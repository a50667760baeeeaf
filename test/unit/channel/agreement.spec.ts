import { describe, expect, it } from '@jest/globals';
import { MemoryReplayGuard } from '../../../src/channel/replay.js';
import { MemoryRecords } from '../../../src/channel/store/records.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { parsePublicKey } from '../../../src/protocol/keys.js';
import { Channel, Visitor } from '../../external/conformance/channel.js';
import { HYBRID, keyPair, type HandshakeResponse } from '../../external/conformance/peer.js';
import { makeChannels, session } from '../../security/attack/support/channels.js';

/** Counts how often two key pairs agree on a secret. */
class CountingEngine extends NodeEngine {
  agreements = 0;

  override agree(...keys: Parameters<NodeEngine['agree']>): ReturnType<NodeEngine['agree']> {
    this.agreements++;
    return super.agree(...keys);
  }
}

describe('The key pairs of a channel', () => {
  it.each(['X25519', 'P-256', HYBRID] as const)('agree once on %s in each server, for all messages', async (kind) => {
    const records = new MemoryRecords(10);
    const replay = new MemoryReplayGuard();
    const made = new CountingEngine();
    const other = new CountingEngine();
    const { channels } = makeChannels({ engine: made, records, replay });
    const pair = await keyPair(kind);
    const answer = await channels.handshake(session('a session'), parsePublicKey(pair.jwk));
    const client = new Channel(new Visitor('http://127.0.0.1'), pair, answer as unknown as HandshakeResponse);
    const servers = [channels, makeChannels({ engine: other, records, replay }).channels];
    for (const server of [...servers, ...servers]) {
      const { jwe } = client.message('POST', '/x', { text: 'text', cty: 'text/plain' });
      const binding = { place: 'body', method: 'POST', target: '/x', idem: undefined } as const;
      const { plaintext, channel } = await server.open('a session', jwe, binding);
      expect(Buffer.from(plaintext).toString()).toBe('text');
      expect(channel.againKey()).toHaveLength(32);
    }
    expect([made.agreements, other.agreements]).toEqual([1, 1]);
  });

  // Points of small order (RFC 7748 §6.1), little-endian, as Wycheproof has them.
  it.each([
    ['0', '00'.repeat(32)],
    ['1', '01' + '00'.repeat(31)],
    ['of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ['p - 1', 'ec' + 'ff'.repeat(30) + '7f'],
  ])('make no channel where the secret would be all zeros: %s', async (_, hex) => {
    const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(hex, 'hex').toString('base64url') };
    await expect(makeChannels().channels.handshake(session('a session'), parsePublicKey(jwk))).rejects.toMatchObject({
      code: 'key-rejected',
    });
  });
});
