import { ChannelStore } from '../../../../src/channel/store/channel-store.js';
import { Channels } from '../../../../src/channel/channels.js';
import { IdentityKeys } from '../../../../src/channel/identity.js';
import { Encapsulator } from '../../../../src/channel/encapsulator.js';
import { KeyPool } from '../../../../src/channel/key-pool.js';
import { MemoryRecords, type Records } from '../../../../src/channel/store/records.js';
import { MemoryReplayGuard, type ReplayGuard } from '../../../../src/channel/replay.js';
import { Vault } from '../../../../src/channel/store/vault.js';
import { nodeEngine, type NodeEngine } from '../../../../src/crypto/node.js';
import { KEY_KINDS } from '../../../../src/protocol/keys.js';

export interface ChannelsSetup {
  readonly records?: Records;
  /** The deployment's secrets, the first of which wraps. */
  readonly secrets?: readonly [string, ...string[]];
  readonly allowPlainJwe?: boolean;
  readonly replay?: ReplayGuard;
  readonly engine?: NodeEngine;
}

/** A server's channels with all that is real about them, but no HTTP: also what an impostor between the ends runs. */
export function makeChannels({
  records,
  secrets = ['s'.repeat(32)],
  allowPlainJwe = false,
  replay = new MemoryReplayGuard(),
  engine = nodeEngine,
}: ChannelsSetup = {}): {
  readonly channels: Channels;
  readonly store: ChannelStore;
} {
  const store = new ChannelStore(engine, records ?? new MemoryRecords(1000), new Vault(engine, secrets), replay, {
    channelsPerSession: 32,
    cached: 1000,
    requiresDevice: false,
    againSeconds: 630,
    onUnreadable: () => undefined,
    onEnded: () => undefined,
  });
  const pool = new KeyPool(engine, 2048, { size: 1 });
  const options = { keyKinds: KEY_KINDS, channelTtl: 3600, allowPlainJwe, maxUploadTime: 3600, maxBodySize: 1 << 20 };
  const channels = new Channels(engine, store, pool, new Encapsulator(), new IdentityKeys(engine, []), replay, options);
  return { channels, store };
}

/** A session, as channels know it. */
export function session(id: string): { readonly id: string; readonly expiresAt: number } {
  return { id, expiresAt: Math.floor(Date.now() / 1000) + 3600 };
}
