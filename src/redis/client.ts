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

/** Sends a command with either client; rejects if the client cannot send it to one server. */
export async function commandOf(client: NodeRedisClient | IoRedisClient, command: string[]): Promise<string[]> {
  const { sendCommand, call } = client as {
    sendCommand?: (command: string[]) => Promise<unknown>;
    call?: (...command: string[]) => Promise<unknown>;
  };
  const answer = 'evalSha' in client ? sendCommand?.call(client, command) : call?.call(client, ...command);
  const value = await answer;
  if (Array.isArray(value)) return value as string[];
  // With RESP3, CONFIG GET returns a map.
  return Object.entries(Object(value) as Record<string, string>)[0] ?? [];
}
