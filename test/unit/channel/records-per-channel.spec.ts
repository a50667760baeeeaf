import { describe, expect, it } from '@jest/globals';
import { RECORDS_PER_CHANNEL } from '../../../src/channel/store/channel-record.js';
import { MemoryRecords } from '../../../src/channel/store/records.js';
import { KEY_KINDS, parsePublicKey } from '../../../src/protocol/keys.js';
import { keyPair } from '../../external/conformance/peer.js';
import { makeChannels, session } from '../../security/attack/support/channels.js';

/** Notes the names that are written, and how often a record that was written is gone. */
class NotedRecords extends MemoryRecords {
  readonly names = new Set<string>();

  override set(name: string, value: string, expiresAt: number): Promise<void> {
    this.names.add(name);
    return super.set(name, value, expiresAt);
  }

  countLost(): number {
    return [...this.names].filter((name) => this.get(name) === undefined).length;
  }
}

describe('The records of a channel', () => {
  it.each(KEY_KINDS)('are as many as the memory store has room for: %s', async (kind) => {
    const records = new NotedRecords(100);
    const { jwk } = await keyPair(kind);
    await makeChannels({ records }).channels.handshake(session('a session'), parsePublicKey(jwk));
    expect(records.names.size).toBe(RECORDS_PER_CHANNEL);
  });

  it('all stay in a memory store with room for these channels, and for no other', async () => {
    const count = 50;
    const records = new NotedRecords(RECORDS_PER_CHANNEL * count);
    const { channels } = makeChannels({ records });
    const { jwk } = await keyPair('X25519');
    for (let index = 0; index < count; index++) {
      await channels.handshake(session(`session ${index}`), parsePublicKey({ ...jwk }));
    }
    expect(records.names.size).toBe(RECORDS_PER_CHANNEL * count);
    expect(records.countLost()).toBe(0);
    // All of them were just read, so they are in use.
    const oneMore = channels.handshake(session('one more'), parsePublicKey({ ...jwk }));
    await expect(oneMore).rejects.toMatchObject({ code: 'busy' });
  });
});
