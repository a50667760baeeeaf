import type { SessionOptions } from 'express-session';
import type { KeyPoolOptions } from '../../channel/key-pool.js';
import { KEY_KINDS, type KeyKind } from '../../protocol/keys.js';
import { mayTravelInside } from '../../protocol/outer-headers.js';
import { MAKE_SECRET, type E2eExtras, type E2eOptions, type SealedHeaders } from './e2e.options.js';

/** What an option must be, and what to do about a wrong value. */
export interface Rule {
  readonly mustBe: string;
  readonly holds: (value: unknown) => boolean;
  readonly fix?: (value: unknown) => string | undefined;
  /** Whether the error must not repeat the received value, not even a number. */
  readonly secret?: true;
}
type Rules<T> = Readonly<Record<keyof Required<T>, Rule>>;

const MIN_SECRET_LENGTH = 32;
/** The longest delay of `setTimeout`. With a longer one it does not wait at all. */
const MAX_MILLISECONDS = 2 ** 31 - 1;
/** A message is a string that is a third longer, and strings end at half a gigabyte. */
const MAX_BODY_SIZE = 2 ** 28;
/** The table for them is allocated at once. */
const MAX_CHANNELS = 10_000_000;

const BOOLEAN: Rule = {
  mustBe: 'true or false',
  holds: (value) => typeof value === 'boolean',
  fix: (value) => (typeof value === 'string' ? "Convert it: process.env.NAME === 'true'." : undefined),
};

/** A whole number in a range. */
export function whole(unit: string, max = Number.MAX_SAFE_INTEGER, min = 1): Rule {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  return {
    mustBe: `a whole number of ${unit}, ${range}`,
    holds: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    fix: (value) => (typeof value === 'string' ? 'Convert it: Number(process.env.NAME).' : undefined),
  };
}

function oneOf(...values: readonly unknown[]): Rule {
  const names = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)));
  return { mustBe: `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`, holds: (value) => values.includes(value) };
}

function methods(mustBe: string, names: readonly string[], fix: string): Rule {
  return { mustBe, holds: (value) => names.every((name) => isFunction(member(value, name))), fix: () => fix };
}

const STORE = methods(
  'an express-session store',
  ['get', 'set', 'destroy'],
  'Wrap the connection: new RedisStore({ client }), from connect-redis.',
);

export const RULES: Rules<E2eOptions> = {
  session: {
    mustBe: "express-session's options, false or 'channel'",
    holds: (value) => value === false || value === 'channel' || isObject(value),
    fix: (value) =>
      isFunction(value)
        ? 'Pass the middleware to app.use(…) and leave the option out.'
        : 'Leave it out if the module should install a session where the application has none.',
  },
  channelStore: STORE,
  secret: {
    mustBe: `a string of at least ${MIN_SECRET_LENGTH} characters, or a list of such strings`,
    holds: (value) => isOneOrMore(value, (each) => typeof each === 'string' && each.length >= MIN_SECRET_LENGTH),
    fix: () => `Make one with: ${MAKE_SECRET}`,
    secret: true,
  },
  keyKinds: {
    mustBe: `a list of one or more of ${KEY_KINDS.map((kind) => `'${kind}'`).join(', ')}`,
    holds: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((kind) => KEY_KINDS.includes(kind as KeyKind)),
  },
  rsaModulusLength: oneOf(2048, 3072, 4096),
  allowPlainJwe: BOOLEAN,
  channelTtl: whole('seconds'),
  channelsPerSession: whole('channels'),
  maxBodySize: whole('bytes', MAX_BODY_SIZE),
  maxStreamSize: whole('bytes'),
  maxHeldSize: whole('bytes'),
  maxUploadTime: whole('seconds', 86_400),
  streamIdleTimeout: whole('milliseconds', MAX_MILLISECONDS),
  streamCheckInterval: whole('milliseconds', 30_000),
  shutdownTimeout: whole('milliseconds', MAX_MILLISECONDS, 0),
  maxBodyDepth: whole('levels'),
  encryptByDefault: BOOLEAN,
  sealedPaths: {
    mustBe: "a list of paths such as '/graphql', with a leading slash, none at the end, and no parameters or wildcards",
    holds: (value) => Array.isArray(value) && value.every(isSealablePath),
    fix: (value) => {
      const wrong = Array.isArray(value) ? (value as unknown[]).find((path) => !isSealablePath(path)) : undefined;
      return typeof wrong === 'string' ? `"${wrong}" is not such a path.` : undefined;
    },
  },
  padding: BOOLEAN,
  sealedHeaders: { mustBe: 'an object with the optional members request and response', holds: isObject },
  publicPath: {
    mustBe: "a path such as '/api', with a leading slash and none at the end",
    holds: (value) => value === '' || (typeof value === 'string' && /^\/[^?#]*[^/?#]$/.test(value)),
  },
  identityKey: {
    mustBe: 'an Ed25519 or P-256 private key, as PEM (PKCS#8, not encrypted) or KeyObject, or a list of such keys',
    holds: (value) => isOneOrMore(value, (each) => (typeof each === 'string' && each !== '') || isObject(each)),
    fix: () => 'Make one with: npx nestjs-e2e-encryption keygen',
    secret: true,
  },
  deviceBinding: oneOf('off', 'required'),
  keyPool: { mustBe: 'an object with the optional members size, making and waiting', holds: isObject },
  storeTimeout: whole('milliseconds', MAX_MILLISECONDS),
  maxChannels: whole('channels', MAX_CHANNELS),
  replayGuard: methods(
    'a ReplayGuard',
    ['open', 'claim', 'close'],
    "For Redis use redisReplayGuard(client), from 'nestjs-e2e-encryption/redis'.",
  ),
  onEvent: { mustBe: 'a function', holds: isFunction },
};

const HEADER_NAMES: Rule = {
  mustBe: 'a list of names of header fields that may travel inside a message (docs/protocol.md, section 4)',
  holds: (value) => Array.isArray(value) && value.every(isSealableHeader),
  fix: (value) => {
    const wrong = Array.isArray(value) ? (value as unknown[]).find((name) => !isSealableHeader(name)) : undefined;
    return typeof wrong === 'string'
      ? `"${wrong}" must stay outside, because gateways set, check or remove it, or it is not a valid name.`
      : undefined;
  },
};

export const SEALED_HEADERS_RULES: Rules<SealedHeaders> = { request: HEADER_NAMES, response: HEADER_NAMES };

function isSealableHeader(name: unknown): boolean {
  return typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name) && mayTravelInside(name.toLowerCase());
}

export const KEY_POOL_RULES: Rules<KeyPoolOptions> = {
  size: whole('key pairs', undefined, 0),
  making: whole('key pairs'),
  waiting: whole('handshakes'),
};

/** Checks those options of express-session that would otherwise fail only with the first request. */
export const SESSION_RULES: Rules<SessionOptions> = {
  secret: {
    mustBe: 'one or more strings (or keys) that sign the cookie',
    holds: (value) => isOneOrMore(value, (each) => (typeof each === 'string' && each !== '') || isObject(each)),
    fix: () => 'Set it, or leave it out for a random one: cookies are then valid until the process ends.',
    secret: true,
  },
  store: STORE,
  // Fastify would drop a function, and Express would drop the module's defaults with it.
  cookie: { mustBe: "the cookie's options, as an object", holds: isObject },
  name: { mustBe: 'a name for the cookie', holds: (value) => typeof value === 'string' && value !== '' },
  genid: { mustBe: 'a function', holds: isFunction },
  rolling: BOOLEAN,
  resave: BOOLEAN,
  saveUninitialized: BOOLEAN,
  proxy: BOOLEAN,
  unset: oneOf('keep', 'destroy'),
};

function isSealablePath(path: unknown): boolean {
  return typeof path === 'string' && /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~@$-]+)+$/.test(path);
}

const SEGMENTS = /^[\w.~-]+(\/[\w.~-]+)*$/;

export const EXTRA_RULES: Rules<E2eExtras> = {
  path: {
    mustBe: "a path such as 'e2e', without parameters or wildcards",
    holds: (value) => typeof value === 'string' && SEGMENTS.test(trimSlashes(value)),
  },
  decorators: {
    mustBe: 'a list of class decorators, such as [Public()]',
    holds: (value) => Array.isArray(value) && value.every(isFunction),
  },
  isGlobal: BOOLEAN,
};

export function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}

function isOneOrMore(value: unknown, holds: (each: unknown) => boolean): boolean {
  return Array.isArray(value) ? value.length > 0 && value.every(holds) : holds(value);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

export function member(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}
