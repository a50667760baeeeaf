import { createHash } from 'node:crypto';
import { WINDOW_SIZE, type ClaimResult, type ReplayGuard } from '../channel/replay.js';
import type { KeyManagement } from '../protocol/message.js';
import { E2eProblem } from '../protocol/problem.js';

/** What is used of a client of the `redis` package (node-redis 4 and later), alone or of a cluster. */
export interface NodeRedisClient {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** What is used of a client of the `ioredis` package (5 and later), alone or of a cluster. */
export interface IoRedisClient {
  evalsha(sha: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>;
}

export interface RedisReplayGuardOptions {
  /** What stands before each key. Default `e2e:window:`. */
  prefix?: string;
  /** Milliseconds after which a claim that was not answered is `busy`. Default 2000. */
  timeout?: number;
}

/** Bits of ring in a window: one word of 32 more than it remembers, as in the one in memory (RFC 6479). */
const RING_BITS = WINDOW_SIZE + 32;
/** A window: the highest number seen in 64 bits, then the ring. */
const WINDOW_BITS = 64 + RING_BITS;

/**
 * KEYS[1] is the channel's windows, one for each way, in one string of constant length that expires with the channel;
 * one key, so that it runs on a cluster. ARGV: `open` and the end in seconds; or `claim`, the way's number, and `seq`.
 */
const SCRIPT = `
if ARGV[1] == 'open' then
  redis.call('SET', KEYS[1], string.rep('\\0', ${(2 * WINDOW_BITS) / 8}), 'EXAT', ARGV[2])
  return 1
end
if ARGV[1] == 'close' then
  return redis.call('DEL', KEYS[1])
end
if redis.call('STRLEN', KEYS[1]) ~= ${(2 * WINDOW_BITS) / 8} then
  return -1
end
local base = tonumber(ARGV[2]) * ${WINDOW_BITS}
local seq = tonumber(ARGV[3])
local highest = redis.call('BITFIELD', KEYS[1], 'GET', 'u63', base)[1]
if seq <= highest - ${WINDOW_SIZE} then
  return 0
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

const WAY_NUMBER: Record<KeyManagement, string> = { dir: '0', 'RSA-OAEP-256': '1' };

/**
 * Sequence windows in Redis or Valkey, shared by all servers: a claim is one round trip, and atomic. Whatever keeps
 * Redis from answering is `busy`, and the request is refused.
 */
export function redisReplayGuard(
  client: NodeRedisClient | IoRedisClient,
  { prefix = 'e2e:window:', timeout = 2000 }: RedisReplayGuardOptions = {},
): ReplayGuard {
  const run = async (kid: string, ...args: string[]): Promise<number> => {
    try {
      return Number(await within(timeout, runScript(client, prefix + kid, args)));
    } catch {
      throw new E2eProblem('busy');
    }
  };
  return {
    shared: true,
    open: async (kid, expiresAt) => {
      await run(kid, 'open', String(expiresAt));
    },
    claim: async (kid, way, seq) => claimOf(await run(kid, 'claim', WAY_NUMBER[way], String(seq))),
    close: async (kid) => {
      await run(kid, 'close');
    },
  };
}

function claimOf(answer: number): ClaimResult {
  if (answer === 1) return 'new';
  return answer === 0 ? 'replayed' : 'lost';
}

/** By its hash; in full where this server (a new one, a restarted one, a node of a cluster) does not have it yet. */
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

function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
