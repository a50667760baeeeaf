import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { RedisStore } from 'connect-redis';
import { redisReplayGuard } from 'nestjs-e2e-encryption/redis';
import { createClient } from 'redis';

/** While Redis is away every try fails in the same way: one line in so many milliseconds says enough. */
const LOG_INTERVAL_MS = 5_000;

/**
 * What the servers of one application share: sessions and channels, windows, and notes. While Redis does not answer,
 * requests are refused; they are served again once it is back, and nothing has to be restarted for that.
 */
@Injectable()
export class Redis implements OnApplicationShutdown {
  readonly store: RedisStore;
  readonly replayGuard: ReturnType<typeof redisReplayGuard>;

  private constructor(readonly client: ReturnType<typeof connectTo>) {
    this.store = new RedisStore({ client });
    this.replayGuard = redisReplayGuard(client);
  }

  /** Waits until Redis is there. */
  static async connect(url: string): Promise<Redis> {
    const client = connectTo(url);
    client.on('error', logNowAndThen());
    await client.connect();
    return new Redis(client);
  }

  /** After the last request was answered. */
  onApplicationShutdown(): void {
    this.client.destroy();
  }
}

function connectTo(url: string) {
  return createClient({
    url,
    // Where the connection is lost, commands fail at once, and the client tries to connect again, for ever.
    disableOfflineQueue: true,
    socket: { connectTimeout: 2_000, reconnectStrategy: (retries) => Math.min(100 * 2 ** retries, 2_000) },
    // Where Redis is there and silent, commands wait for it; beyond so many they fail at once, too.
    commandsQueueMaxLength: 10_000,
  });
}

function logNowAndThen(): (error: unknown) => void {
  let last = -Infinity;
  return (error) => {
    if (performance.now() - last < LOG_INTERVAL_MS) return;
    last = performance.now();
    console.error(`Redis: ${error instanceof Error ? error.message || error.name : String(error)}; trying again`);
  };
}
