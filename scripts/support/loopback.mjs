import { ChannelStore } from '../../dist/esm/channel/store/channel-store.js';
import { Channels } from '../../dist/esm/channel/channels.js';
import { IdentityKeys } from '../../dist/esm/channel/identity.js';
import { Encapsulator } from '../../dist/esm/channel/encapsulator.js';
import { KeyPool } from '../../dist/esm/channel/key-pool.js';
import { MemoryRecords } from '../../dist/esm/channel/store/records.js';
import { MemoryReplayGuard } from '../../dist/esm/channel/replay.js';
import { Vault } from '../../dist/esm/channel/store/vault.js';
import { createE2eClient } from '../../dist/esm/client/index.js';
import { nodeEngine } from '../../dist/esm/crypto/node.js';
import { utf8 } from '../../dist/esm/protocol/json.js';
import { parsePublicKey } from '../../dist/esm/protocol/keys.js';

export const SESSION = { id: 'the session', expiresAt: Math.floor(Date.now() / 1000) + 86_400 };
export const ANSWER = 'the answer';

/** A server's channels, without Nest. Several over the same records and windows are servers that share a store. */
export function makeChannels({
  records = new MemoryRecords(100),
  replay = new MemoryReplayGuard(),
  pool = new KeyPool(nodeEngine, 2048, { size: 1 }),
  cached = 100,
} = {}) {
  const options = {
    channelsPerSession: 32,
    cached,
    requiresDevice: false,
    againSeconds: 630,
    onUnreadable: () => undefined,
    onEnded: () => undefined,
  };
  const vault = new Vault(nodeEngine, ['s'.repeat(32)]);
  const store = new ChannelStore(nodeEngine, records, vault, replay, options);
  /** @type {import('../../dist/esm/channel/channels.js').ChannelsOptions} */
  const limits = {
    keyKinds: ['RSA', 'P-256', 'X25519', 'MLKEM768-X25519'],
    channelTtl: 86_400,
    allowPlainJwe: true,
    maxBodySize: 1 << 20,
    maxUploadTime: 3600,
  };
  return new Channels(nodeEngine, store, pool, new Encapsulator(), new IdentityKeys(nodeEngine, []), replay, limits);
}

/** The real client before the real channels, without HTTP between them. */
export function loopback(keyKind) {
  const channels = makeChannels();
  const harness = { channels, handshake: undefined, message: '', answer: '', tamper: (answer) => answer };
  harness.client = createE2eClient({
    baseUrl: 'http://server.test',
    cookies: false,
    keyKind,
    fetch: async (href, { method, body }) => {
      const { pathname } = new URL(href);
      if (pathname === '/e2e/handshake') {
        const { publicKey } = JSON.parse(body);
        harness.handshake = await channels.handshake(SESSION, parsePublicKey(publicKey));
        return Response.json(harness.handshake, { status: 201 });
      }
      const opened = await channels.open(SESSION.id, body, {
        place: 'body',
        method,
        target: pathname,
        idem: undefined,
      });
      harness.message = body;
      harness.answer = opened.seal({ status: 200, cty: 'text/plain', iat: opened.header.iat, plaintext: utf8(ANSWER) });
      const bytes = Buffer.from(harness.tamper(harness.answer), 'latin1');
      return new Response(bytes, { headers: { 'content-type': 'application/jose' } });
    },
  });
  harness.call = () => harness.client.fetch('/transfer', { method: 'POST', body: '{"amount":100}' });
  return harness;
}
