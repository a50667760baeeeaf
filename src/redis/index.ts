export {
  redisReplayGuard,
  type IoRedisClient,
  type NodeRedisClient,
  type RedisReplayGuardOptions,
} from './replay-guard.js';
