// What servers remember, and share.
import { row } from '../row.mjs';

const OLDER = 'test/external/redis/older-windows.spec.ts';
const GUARD = 'test/external/redis/replay-guard.spec.ts';
const GONE = 'test/integration/e2e/gone-clients.spec.ts';
const POOL = 'test/unit/channel/key-pool.spec.ts';
const STORE = 'test/integration/e2e/store.spec.ts';
const AT_REST = 'test/security/attack/at-rest.spec.ts';

export const state = [
  row('what came while the process was busy is in time', 'test/unit/channel/expiry.spec.ts', 'in time', [
    'src/channel/expiry.ts',
    '(this.#turn = setImmediate(expire))',
    'expire()',
  ]),
  row('texts of the log do not fill the memory', 'test/unit/nest/rate-limited-logger.spec.ts', 'a hundred texts', [
    'src/nest/request/rate-limited-logger.ts',
    ' || this.#saidAt.size >= MAX_TEXTS',
    '',
  ]),
  row('replay windows of an earlier Redis epoch are not trusted', OLDER, 'older snapshot', [
    'src/redis/replay-guard.ts',
    "if redis.call('GETRANGE', KEYS[1], ${WINDOWS_BYTES}, -1) ~= epoch then\n  return -1\nend\n",
    '',
  ]),
  row('no replay window is created if Redis does not report its epoch', OLDER, 'does not say which epoch', [
    'src/redis/replay-guard.ts',
    "epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')",
    "epoch = string.match(tostring(redis.pcall('INFO', 'replication')), 'master_replid:(%x+)') or 'none'",
  ]),
  row('a replay window in Redis accepts each number once', GUARD, 'takes each number once', [
    'src/redis/replay-guard.ts',
    '== 1 then\n  return 0\nend',
    '== 1 then\n  return 1\nend',
  ]),
  row('a replay window in Redis rejects numbers behind it', GUARD, 'as the one in memory', [
    'src/redis/replay-guard.ts',
    'if seq <= highest - ${WINDOW_SIZE} then\n  return 2\nend\n',
    '',
  ]),
  row('an unresponsive Redis gives `busy`', GUARD, 'does not answer', [
    'src/channel/expiry.ts',
    "() => reject(new Error('no response in time'))",
    '() => undefined',
  ]),
  row('the settings of a durable Redis are checked', OLDER, 'settings are checked', [
    'src/redis/checks.ts',
    'filter(([name, value]) => settings[name] !== value)',
    'filter(() => false)',
  ]),
  row('a durable Redis with a replica is reported', OLDER, 'a replica is told of', [
    'src/redis/checks.ts',
    "if (replicas[0] !== 'master' || (replicas[2] as unknown[]).length > 0) return [WITH_REPLICAS];",
    '',
  ]),
  row('a disconnected client leaves the queue for key pairs', GONE, 'express', [
    'src/channel/key-pool.ts',
    "gone?.addEventListener('abort', leave, { once: true });",
    '',
  ]),
  row('a key pair is used for one handshake', POOL, 'one taker alone', [
    'src/channel/key-pool.ts',
    'const pair = this.#ready.shift();',
    'const pair = this.#ready[0];',
  ]),
  row('the number of waiting handshakes is limited', POOL, 'lets no more wait', [
    'src/channel/key-pool.ts',
    '(this.#stopped || this.#waiters.length >= this.#waiting)',
    'this.#stopped',
  ]),
  row('any error of a replay guard gives `busy`', STORE, '', [
    'src/channel/observed-replay-guard.ts',
    'claiming = guard.claim(kid, alg, seq);\n      } catch {\n        return fail();',
    'claiming = guard.claim(kid, alg, seq);\n      } catch (error) {\n        throw error;',
  ]),
  row('a replay guard that rejects gives `busy`', STORE, '', [
    'src/channel/observed-replay-guard.ts',
    '.then(take, fail)',
    '.then(take)',
  ]),
  row('what is no result of a claim gives `busy`', STORE, '', [
    'src/channel/observed-replay-guard.ts',
    'if (!CLAIM_RESULTS.includes(claim)) return fail();',
    '',
  ]),
  row('an unresponsive store gives `busy`', STORE, '', [
    'src/channel/store/records.ts',
    'new Expiry(timeout, fail)',
    'new Expiry(timeout, () => undefined)',
  ]),
  row('channels with unproven device keys are evicted first', AT_REST, 'nothing was opened', [
    'src/channel/store/channel-list.ts',
    '.sort((a, b) => rank(a) - rank(b) || a.usedAt - b.usedAt)',
    '.sort((a, b) => a.usedAt - b.usedAt || rank(a) - rank(b))',
  ]),
  row("a record's name contains no session id", AT_REST, '', [
    'src/channel/store/session-records.ts',
    'return `session:${this.engine.encodeBase64url(this.engine.sha256(utf8(id)))}`;',
    'return `session:${id}`;',
  ]),
];
