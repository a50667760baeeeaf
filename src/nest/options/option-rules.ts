import type { SessionOptions } from 'express-session';
import type { KeyPoolOptions } from '../../channel/key-pool.js';
import { KEY_KINDS, type KeyKind } from '../../protocol/keys.js';
import { mayTravelInside } from '../../protocol/sealed-headers.js';
import { MAKE_SECRET, type E2eExtras, type E2eOptions, type SealedHeaders } from './e2e.options.js';

/** What an option takes, and what to do about a value that it does not take. */
export interface Rule {
  readonly takes: string;
  readonly holds: (value: unknown) => boolean;
  readonly fix?: (value: unknown) => string | undefined;
  /** Whether not even a number may be told of what was given. */
  readonly secret?: true;
}
type Rules<T> = Readonly<Record<keyof Required<T>, Rule>>;

const MIN_SECRET_LENGTH = 32;
/** What `setTimeout` takes at most: for more it waits not at all. */
const MAX_MILLISECONDS = 2 ** 31 - 1;
/** A message is a text a third longer, and texts end at half a gigabyte. */
const MAX_BODY_SIZE = 2 ** 28;
/** The table that holds them is made at once. */
const MAX_CHANNELS = 10_000_000;

const BOOLEAN: Rule = {
  takes: 'true or false',
  holds: (value) => typeof value === 'boolean',
  fix: (value) =>
    typeof value === 'string' ? "A text is never false: compare it, as in process.env.NAME === 'true'." : undefined,
};

function whole(unit: string, max = Number.MAX_SAFE_INTEGER, min = 1): Rule {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  return {
    takes: `a whole number of ${unit}, ${range}`,
    holds: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    fix: (value) => (typeof value === 'string' ? 'Make a number of the text: Number(process.env.NAME).' : undefined),
  };
}

function oneOf(...values: readonly unknown[]): Rule {
  const names = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)));
  return { takes: `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`, holds: (value) => values.includes(value) };
}

function methods(takes: string, names: readonly string[], fix: string): Rule {
  return { takes, holds: (value) => names.every((name) => isFunction(member(value, name))), fix: () => fix };
}

const STORE = methods(
  'an express-session store',
  ['get', 'set', 'destroy'],
  'Wrap the connection: new RedisStore({ client }), from connect-redis.',
);

export const RULES: Rules<E2eOptions> = {
  session: {
    takes: "express-session's options, false or 'channel'",
    holds: (value) => value === false || value === 'channel' || isObject(value),
    fix: (value) =>
      isFunction(value)
        ? 'A middleware goes into app.use(…), and the option is left out.'
        : 'For the session that is installed where there is none, leave it out.',
  },
  channelStore: STORE,
  secret: {
    takes: `a text of at least ${MIN_SECRET_LENGTH} characters, or a list of such texts`,
    holds: (value) => isOneOrMore(value, (each) => typeof each === 'string' && each.length >= MIN_SECRET_LENGTH),
    fix: () => `Make one with: ${MAKE_SECRET}`,
    secret: true,
  },
  keyKinds: {
    takes: `a list of one or more of ${KEY_KINDS.map((kind) => `'${kind}'`).join(', ')}`,
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
  padding: BOOLEAN,
  sealedHeaders: { takes: 'an object with request and response, of which each may be left out', holds: isObject },
  publicPath: {
    takes: "a path such as '/api', with a leading slash and none at the end",
    holds: (value) => value === '' || (typeof value === 'string' && /^\/[^?#]*[^/?#]$/.test(value)),
  },
  identityKey: {
    takes: 'an Ed25519 or P-256 private key, as PEM (PKCS#8, not encrypted) or KeyObject, or a list of such keys',
    holds: (value) => isOneOrMore(value, (each) => (typeof each === 'string' && each !== '') || isObject(each)),
    fix: () => 'Make one with: npx nestjs-e2e-encryption keygen',
    secret: true,
  },
  deviceBinding: oneOf('off', 'required'),
  keyPool: { takes: 'an object with size, making and waiting, of which each may be left out', holds: isObject },
  storeTimeout: whole('milliseconds', MAX_MILLISECONDS),
  maxChannels: whole('channels', MAX_CHANNELS),
  replayGuard: methods(
    'a ReplayGuard',
    ['open', 'claim', 'close'],
    "With Redis it is redisReplayGuard(client), from 'nestjs-e2e-encryption/redis'.",
  ),
  onEvent: { takes: 'a function', holds: isFunction },
};

const HEADER_NAMES: Rule = {
  takes: 'a list of names of header fields that PROTOCOL §4 allows inside a message',
  holds: (value) => Array.isArray(value) && value.every(isSealableHeader),
  fix: (value) => {
    const wrong = Array.isArray(value) ? (value as unknown[]).find((name) => !isSealableHeader(name)) : undefined;
    return typeof wrong === 'string'
      ? `"${wrong}" is refused: a gateway sets, checks or removes it outside, or it is no name of a header field.`
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

/** Of express-session's own options it is checked what would come out with the first request only. */
export const SESSION_RULES: Rules<SessionOptions> = {
  secret: {
    takes: 'one or more texts (or keys), which sign the cookie',
    holds: (value) => isOneOrMore(value, (each) => (typeof each === 'string' && each !== '') || isObject(each)),
    fix: () => 'Set it, or leave it out for a random one, with which cookies end with the process.',
    secret: true,
  },
  store: STORE,
  // A function would be dropped on Fastify, and on Express the module's defaults with it.
  cookie: { takes: "the cookie's options, as an object", holds: isObject },
  name: { takes: 'a name for the cookie', holds: (value) => typeof value === 'string' && value !== '' },
  genid: { takes: 'a function', holds: isFunction },
  rolling: BOOLEAN,
  resave: BOOLEAN,
  saveUninitialized: BOOLEAN,
  proxy: BOOLEAN,
  unset: oneOf('keep', 'destroy'),
};

const SEGMENTS = /^[\w.~-]+(\/[\w.~-]+)*$/;

export const EXTRA_RULES: Rules<E2eExtras> = {
  path: {
    takes: "a path such as 'e2e', without parameters or wildcards",
    holds: (value) => typeof value === 'string' && SEGMENTS.test(trimSlashes(value)),
  },
  decorators: {
    takes: 'a list of class decorators, such as [Public()]',
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
