import { describe, expect, it } from '@jest/globals';
import session, { type MemoryStore } from 'express-session';
import { randomBytes } from 'node:crypto';
import { decodeChannel } from '../../../src/channel/store/channel-record.js';
import { Channel } from '../../../src/channel/channel.js';
import { transcriptHash } from '../../../src/channel/channel-state.js';
import { MemoryReplayGuard } from '../../../src/channel/replay.js';
import { SessionStoreRecords } from '../../../src/channel/store/records.js';
import { Vault } from '../../../src/channel/store/vault.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { utf8 } from '../../../src/protocol/json.js';
import { HYBRID, keyKind, KEY_KINDS, parsePublicKey } from '../../../src/protocol/keys.js';
import { keyPair } from '../../external/conformance/peer.js';
import { formsFound } from './support/canary.js';
import { makeChannels, session as sessionOf } from './support/channels.js';
import { flips, truncations } from './support/tamper.js';

type Secrets = readonly [string, ...string[]];

const now = (): number => Math.floor(Date.now() / 1000);
const secret = (): string => randomBytes(32).toString('base64url');

/** A session store as express-session brings it, whose content can be read and changed by its names. */
class Store {
  readonly #sessions: Record<string, string>;
  readonly records: SessionStoreRecords;

  constructor() {
    const store = new session.MemoryStore();
    this.#sessions = (store as MemoryStore & { sessions: Record<string, string> }).sessions;
    this.records = new SessionStoreRecords(store, 1000);
  }

  get dump(): string {
    return JSON.stringify(this.#sessions);
  }
  get names(): string[] {
    return Object.keys(this.#sessions);
  }
  read(name: string): string {
    return (JSON.parse(this.#sessions[`e2e:${name}`]!) as { e2e: string }).e2e;
  }
  write(name: string, e2e: string): void {
    this.#sessions[`e2e:${name}`] = JSON.stringify({ cookie: {}, e2e });
  }

  /** A server process over this store: it has unwrapped nothing yet. */
  server(...secrets: Secrets) {
    return makeChannels({ records: this.records, secrets });
  }

  async handshake(id: string, secrets: Secrets, kind: (typeof KEY_KINDS)[number] = 'X25519'): Promise<string> {
    const clientKey = parsePublicKey((await keyPair(kind)).jwk);
    return (await this.server(...secrets).channels.handshake(sessionOf(id), clientKey)).kid;
  }
}

describe('a channel at rest', () => {
  it.each(KEY_KINDS)('is ciphertext under the secret: %s', async (kind) => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own], kind);
    expect(store.names.sort()).toEqual([
      `e2e:again:${kid}`,
      `e2e:channel:${kid}`,
      expect.stringMatching(/^e2e:channels:/),
      expect.stringMatching(/^e2e:session:/),
    ]);

    const [epoch = '', record = ''] = store.read(`channel:${kid}`).split('.');
    const context = `channel\nalice\n${epoch}\n${kid}`;
    expect(new Vault(nodeEngine, [secret()]).unwrap(context, record)).toBeUndefined();
    const opened = new Vault(nodeEngine, [own]).unwrap(context, record)!;
    const state = Channel.stateOf(decodeChannel(nodeEngine, kid, opened));
    const { privateKey, ss } = state;
    const packed = nodeEngine.packPrivateKey(privateKey);
    // The search would find each of them, were it there.
    expect(formsFound(packed, JSON.stringify(Buffer.from(opened).toString('base64')))).not.toEqual([]);
    for (const bytes of [packed, packed.subarray(-32), transcriptHash(state), ...(ss ? [ss] : []), utf8('alice')]) {
      expect(formsFound(bytes, store.dump)).toEqual([]);
    }
  });

  it('does not open for another session', async () => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own]);
    const server = store.server(own).store;
    expect(await server.find('mallory', kid, now())).toBeUndefined();
    expect((await server.find('alice', kid, now()))?.kid).toBe(kid);
    // Not from the cache either, now that the record was unwrapped for its owner.
    expect(await server.find('mallory', kid, now())).toBeUndefined();
  });

  it('does not open under another name', async () => {
    const [store, own] = [new Store(), secret()];
    const kids = [await store.handshake('alice', [own]), await store.handshake('alice', [own])] as const;
    store.write(`channel:${kids[1]}`, store.read(`channel:${kids[0]}`));
    expect(await store.server(own).store.find('alice', kids[1], now())).toBeUndefined();
  });

  it('does not become a session’s record, nor the other way round', async () => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own]);
    const name = store.names.find((each) => each.startsWith('e2e:session:'))!.slice('e2e:'.length);
    const [channel, list] = [store.read(`channel:${kid}`), store.read(name)];
    store.write(name, channel);
    store.write(`channel:${kid}`, list);
    const server = store.server(own).store;
    expect(await server.session('alice')).toBeUndefined();
    expect(await server.find('alice', kid, now())).toBeUndefined();
  });

  it('counts as absent where it was changed: every length, and every bit', async () => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own]);
    const server = store.server(own).store;
    const record = store.read(`channel:${kid}`);
    let tried = 0;
    for (const mutations of [truncations(record), flips(record)]) {
      for (const { what, text } of mutations) {
        store.write(`channel:${kid}`, text);
        expect([what, await server.find('alice', kid, now())]).toEqual([what, undefined]);
        tried++;
      }
    }
    expect(tried).toBe(9 * record.length);
    store.write(`channel:${kid}`, record);
    expect((await server.find('alice', kid, now()))?.kid).toBe(kid);
  });

  it('counts as absent where its record is of another shape', async () => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own]);
    for (const value of [1, null, {}, [], '', '.', 'A'.repeat(10_000)]) {
      store.write(`channel:${kid}`, value as string);
      expect(await store.server(own).store.find('alice', kid, now())).toBeUndefined();
    }
  });

  it('ends at its time, though its record is still there', async () => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own]);
    const server = store.server(own).store;
    expect(await server.find('alice', kid, now() + 3590)).toBeDefined();
    expect(await server.find('alice', kid, now() + 3601)).toBeUndefined();
  });
});

describe('a hybrid channel at rest', () => {
  it('keeps the X25519 half of the client’s key alone, and no decapsulation key', async () => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own], HYBRID);
    const found = (await store.server(own).store.find('alice', kid, now()))!;
    const { clientKey, privateKey } = Channel.stateOf(found);
    expect([found.kind, keyKind(clientKey), privateKey.kind]).toEqual([HYBRID, 'X25519', 'X25519']);
    // An ML-KEM-768 key has 1,184 bytes, and a decapsulation key 2,400.
    expect(store.read(`channel:${kid}`).length).toBeLessThan(600);
  });
});

describe('what is left of a channel that expired', () => {
  const input = utf8('1 kid 2');
  const tagOf = (channel: Channel): string =>
    nodeEngine.encodeBase64url(nodeEngine.hmac(channel.againKey()!, input).subarray(0, 16));

  it.each(KEY_KINDS)('tells whether its client names a first copy, and opens nothing: %s', async (kind) => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own], kind);
    const channel = (await store.server(own).store.find('alice', kid, now()))!;
    const server = store.server(own).store;
    const later = now() + 3600 + 600;
    expect(await server.find('alice', kid, later)).toBeUndefined();
    const first = await server.findFirst('alice', kid, later);
    expect(Object.keys(first ?? {})).toEqual(['provesAgain']);
    expect(first?.provesAgain(input, tagOf(channel))).toBe(true);
    expect(first?.provesAgain(utf8('2 kid 2'), tagOf(channel))).toBe(false);
    expect(first?.provesAgain(input, tagOf(channel).slice(1))).toBe(false);
    for (const form of [nodeEngine.packPrivateKey(Channel.stateOf(channel).privateKey), channel.againKey()!]) {
      expect(formsFound(form, store.dump)).toEqual([]);
    }
    expect(await server.findFirst('mallory', kid, later)).toBeUndefined();
  });

  it.each<[string, (server: ReturnType<typeof makeChannels>['store'], channel: Channel) => Promise<void>]>([
    ['was revoked', (server) => server.revoke(sessionOf('alice'))],
    ['ended with its session', (server) => server.endSession('alice')],
    ['was evicted', (server, channel) => server.end(channel)],
  ])('is nothing where it %s', async (_, end) => {
    const [store, own] = [new Store(), secret()];
    const kid = await store.handshake('alice', [own]);
    const server = store.server(own).store;
    await end(server, (await server.find('alice', kid, now()))!);
    expect(await server.findFirst('alice', kid, now())).toBeUndefined();
    expect(await server.findFirst('alice', kid, now() + 3700)).toBeUndefined();
  });

  it('stays in the store for 630 seconds, and so does its window', async () => {
    const store = new session.MemoryStore();
    const opened: number[] = [];
    const ends = new Map<string, number>();
    const records = new SessionStoreRecords(store, 1000);
    const set = records.set.bind(records);
    records.set = (name, value, expiresAt) => {
      ends.set(name.split(':')[0]!, expiresAt);
      return set(name, value, expiresAt);
    };
    const guard = new MemoryReplayGuard();
    const open = guard.open.bind(guard);
    guard.open = (kid, expiresAt) => {
      opened.push(expiresAt);
      open(kid, expiresAt);
    };
    const { channels } = makeChannels({ records, replay: guard });
    const { expiresAt } = await channels.handshake(sessionOf('alice'), parsePublicKey((await keyPair('X25519')).jwk));
    expect([ends.get('channel'), ends.get('again'), ...opened]).toEqual([expiresAt, expiresAt + 630, expiresAt + 630]);
  });
});

describe('the bound on a session’s channels', () => {
  it('costs a session with a device key first those on which nothing was opened', async () => {
    const [own, store] = [secret(), new Store()];
    const { channels, store: server } = store.server(own);
    const device = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } as const;
    const alice = sessionOf('alice');
    const record = await server.begin(alice, { device });
    const made: string[] = [];
    const shake = async (): Promise<string> => {
      const clientKey = parsePublicKey((await keyPair('X25519')).jwk);
      const answer = await channels.handshake(alice, clientKey, {
        enter: () => Promise.resolve({ session: alice, record }),
      });
      made.push(answer.kid);
      return answer.kid;
    };
    const proven = await shake();
    const channel = (await server.find('alice', proven, now()))!;
    // As the first message of the device's owner leaves it.
    Object.assign(Channel.stateOf(channel), { isDeviceProven: true });
    await server.update('alice', channel);
    for (let thief = 0; thief < 40; thief++) await shake();
    // On another server, which has seen none of it.
    const elsewhere = store.server(own).store;
    const left = await Promise.all(made.map(async (kid) => elsewhere.find('alice', kid, now())));
    expect(left.filter((each) => each !== undefined)).toHaveLength(32);
    expect(left[0]?.kid).toBe(proven);
  });
});

describe('the secret', () => {
  it('rotates without losing a channel: the first encrypts, all decrypt', async () => {
    const [store, old, fresh] = [new Store(), secret(), secret()];
    const before = await store.handshake('alice', [old]);
    const after = await store.handshake('alice', [fresh, old]);
    const found = async (...secrets: Secrets) => {
      const server = store.server(...secrets).store;
      const channels = await Promise.all([before, after].map(async (kid) => server.find('alice', kid, now())));
      return channels.map((channel) => channel !== undefined);
    };
    expect(await found(fresh, old)).toEqual([true, true]);
    expect(await found(old, fresh)).toEqual([true, true]);
    expect(await found(fresh)).toEqual([false, true]);
    // The session's record is wrapped anew with its next handshake: give every server both secrets first.
    expect(await found(old)).toEqual([false, false]);
    expect(await found(secret())).toEqual([false, false]);
  });

  it('keeps a session’s name while it rotates, and afterwards', async () => {
    const [store, old, fresh] = [new Store(), secret(), secret()];
    await store.handshake('alice', [old]);
    const name = (await store.server(old).store.session('alice'))?.session;
    await store.handshake('alice', [fresh, old]);
    expect((await store.server(fresh, old).store.session('alice'))?.session).toBe(name);
    expect((await store.server(fresh).store.session('alice'))?.session).toBe(name);
  });
});
