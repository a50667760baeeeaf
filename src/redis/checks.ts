import { within } from '../channel/expiry.js';
import { commandOf, type IoRedisClient, type NodeRedisClient } from './client.js';

/** Settings under which Redis has every write that it acknowledged on disk. */
const DURABLE: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
};

/** Whether this Redis reports its epoch. Without that, no window can be created. */
export async function checkEpoch(claim: () => Promise<unknown>): Promise<string[]> {
  try {
    await claim();
    return [];
  } catch (error) {
    if (!(error instanceof Error) || !/^(ERR|NOPERM|E2E) /.test(error.message)) return [];
    return [
      'redisReplayGuard: this Redis does not tell its replication id (INFO replication) to scripts, so every handshake ' +
        'is refused as busy: windows that come back older after a failover or a restored backup could not be told from ' +
        'current ones. Allow the command (ACL: +info), or use a Redis that never loses a write, with { durable: true }.',
    ];
  }
}

/** Whether the settings fit `durable: true`. */
export async function checkDurability(client: NodeRedisClient | IoRedisClient, timeout: number): Promise<string[]> {
  const settings: Record<string, string> = {};
  try {
    for (const name of Object.keys(DURABLE)) {
      settings[name] = (await within(timeout, commandOf(client, ['CONFIG', 'GET', name])))[1] ?? '';
    }
    const replicas = (await within(timeout, commandOf(client, ['ROLE']))) as unknown[];
    if (replicas[0] !== 'master' || (replicas[2] as unknown[]).length > 0) return [WITH_REPLICAS];
  } catch {
    return [UNCHECKED];
  }
  const wrong = Object.entries(DURABLE).filter(([name, value]) => settings[name] !== value);
  return wrong.length === 0
    ? []
    : [
        'redisReplayGuard: { durable: true } says that this Redis never loses a write, but with ' +
          `${wrong.map(([name]) => `${name} ${settings[name]}`).join(', ')} a restart can lose some, and messages could ` +
          `then be repeated. Set ${wrong.map(([name, value]) => `${name} ${value}`).join(', ')}, or leave out "durable".`,
      ];
}

const WITH_REPLICAS =
  'redisReplayGuard: { durable: true } says that this Redis never loses a write, but it has replicas, and one that is ' +
  'promoted can lack the last writes, so that messages could be repeated. Leave out "durable".';
const UNCHECKED =
  'redisReplayGuard: { durable: true } says that this Redis never loses a write, and its settings cannot be checked ' +
  '(CONFIG GET and ROLE were refused, or the client is a cluster). Make sure of appendonly yes, appendfsync always, ' +
  'no-appendfsync-on-rewrite no and no replicas, or leave out "durable".';
