export type { IoRedisClient, NodeRedisClient } from './client.js';
export { redisReplayGuard, type RedisReplayGuardOptions } from './replay-guard.js';
