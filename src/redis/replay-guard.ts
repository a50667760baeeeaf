import { createHash } from 'node:crypto';
import { within } from '../channel/expiry.js';
import { WINDOW_SIZE, type ClaimResult, type ReplayGuard } from '../channel/replay.js';
import type { KeyManagement } from '../protocol/message.js';
import { E2eProblem } from '../protocol/problem.js';
import { checkDurability, checkEpoch } from './checks.js';
import type { IoRedisClient, NodeRedisClient } from './client.js';

export interface RedisReplayGuardOptions {
  /** Prefix of each key. Default `e2e:window:`. */
  prefix?: string;
  /** How long a claim may take before the request is `busy`, in milliseconds. Default 2000. */
  timeout?: number;
  /**
   * Whether this Redis never loses a write that it has acknowledged: a single server with `appendonly yes` and
   * `appendfsync always`, without failover and without restored backups. Windows then survive a restart of Redis. Default
   * `false`: after a restart, a failover or a restored backup all channels are lost, and clients open new ones.
   */
  durable?: boolean;
}

/** Bits of ring in a window: one word of 32 more than it remembers, as in the one in memory (RFC 6479). */
const RING_BITS = WINDOW_SIZE + 32;
/** A window: the highest number seen in 64 bits, then the ring. */
const WINDOW_BITS = 64 + RING_BITS;
const WINDOWS_BYTES = (2 * WINDOW_BITS) / 8;

/**
 * KEYS[1] is the channel's windows, one for each `alg`, in one string of constant length that expires with the channel;
 * one key, so that it runs on a cluster. Behind the windows stands the epoch in which they were made: Redis' replication
 * id, which is new after each start as a master and after each promotion of a replica. Whatever Redis may have
 * forgotten, it forgot before an epoch began, so that windows of an earlier one are not believed (PROTOCOL §5).
 *
 * ARGV: what to do and `durable`; of `open` the end in seconds; of `claim` the number of its `alg` and `seq`.
 */
const SCRIPT = `
if ARGV[1] == 'close' then
  return redis.call('DEL', KEYS[1])
end
if ARGV[1] == 'time' then
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local epoch = ''
if ARGV[2] ~= 'durable' then
  epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  if not epoch then
    return redis.error_reply('E2E no master_replid')
  end
end
if ARGV[1] == 'open' then
  redis.call('SET', KEYS[1], string.rep('\\0', ${WINDOWS_BYTES}) .. epoch, 'EXAT', ARGV[3])
  return 1
end
if redis.call('STRLEN', KEYS[1]) ~= ${WINDOWS_BYTES} + #epoch then
  return -1
end
if redis.call('GETRANGE', KEYS[1], ${WINDOWS_BYTES}, -1) ~= epoch then
  return -1
end
local base = tonumber(ARGV[3]) * ${WINDOW_BITS}
local seq = tonumber(ARGV[4])
local highest = redis.call('BITFIELD', KEYS[1], 'GET', 'u63', base)[1]
if seq <= highest - ${WINDOW_SIZE} then
  return 2
end
local word = math.floor(seq / 32)
local head = math.floor(highest / 32)
for step = 1, math.min(word - head, ${RING_BITS / 32}) do
  redis.call('BITFIELD', KEYS[1], 'SET', 'u32', base + 64 + 32 * ((head + step) % ${RING_BITS / 32}), 0)
end
if redis.call('SETBIT', KEYS[1], base + 64 + 32 * (word % ${RING_BITS / 32}) + seq % 32, 1) == 1 then
  return 0
end
if seq > highest then
  redis.call('BITFIELD', KEYS[1], 'SET', 'u63', base, seq)
end
return 1
`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

const ALG_NUMBER: Record<KeyManagement, string> = { dir: '0', 'RSA-OAEP-256': '1' };

/**
 * Sequence windows in Redis or Valkey, shared by all servers. A claim is atomic and needs one round trip. If Redis does not
 * answer, the request is rejected as `busy`.
 *
 * @example
 * const redis = await createClient({ url: 'redis://127.0.0.1:6379' }).connect();
 * const replayGuard = redisReplayGuard(redis);
 * E2eModule.forRoot({ replayGuard, secret: process.env.E2E_SECRET!, session: { store: new RedisStore({ client: redis }) } });
 */
export function redisReplayGuard(
  client: NodeRedisClient | IoRedisClient,
  { prefix = 'e2e:window:', timeout = 2000, durable = false }: RedisReplayGuardOptions = {},
): ReplayGuard {
  const mode = durable ? 'durable' : '';
  const ask = async (key: string, ...args: string[]): Promise<number> =>
    Number(await within(timeout, runScript(client, prefix + key, args)));
  const run = async (key: string, ...args: string[]): Promise<number> => {
    try {
      return await ask(key, ...args);
    } catch {
      throw new E2eProblem('busy');
    }
  };
  return {
    open: async (kid, expiresAt) => {
      await run(kid, 'open', mode, String(expiresAt));
    },
    claim: async (kid, alg, seq) => claimOf(await run(kid, 'claim', mode, ALG_NUMBER[alg], String(seq))),
    close: async (kid) => {
      await run(kid, 'close');
    },
    time: () => run('time', 'time'),
    check: () => (durable ? checkDurability(client, timeout) : checkEpoch(() => ask('check', 'claim', mode, '0', '1'))),
  };
}

/** By the script's response. */
const CLAIMS: readonly ClaimResult[] = ['replayed', 'new', 'stale'];

function claimOf(answer: number): ClaimResult {
  return CLAIMS[answer] ?? 'lost';
}

/** Runs the script by its hash, or in full if this server (new, restarted, or another node) does not have it yet. */
async function runScript(client: NodeRedisClient | IoRedisClient, key: string, args: string[]): Promise<unknown> {
  const isNodeRedis = 'evalSha' in client;
  try {
    return await (isNodeRedis
      ? client.evalSha(SHA, { keys: [key], arguments: args })
      : client.evalsha(SHA, 1, key, ...args));
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return isNodeRedis ? client.eval(SCRIPT, { keys: [key], arguments: args }) : client.eval(SCRIPT, 1, key, ...args);
  }
}
