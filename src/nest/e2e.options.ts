import type { SessionOptions, Store } from 'express-session';
import type { E2eEvent } from '../channel/events.js';
import type { IdentityKeyInput } from '../channel/identity.js';
import type { KeyPoolOptions } from '../channel/key-pool.js';
import type { ReplayGuard } from '../channel/replay.js';
import { KEY_KINDS, type KeyKind } from '../protocol/keys.js';

/** Injection tokens: the options as the application gave them, and the handshake controller's path. */
export const E2E_OPTIONS = Symbol('E2E_OPTIONS');
export const E2E_PATH = Symbol('E2E_PATH');

/** Options of `E2eModule`. All of them may be left out. */
export interface E2eOptions {
  /**
   * The session middleware that the module installs where the application has none: express-session's options (on
   * Fastify those that `@fastify/session` has too). `false`: the application brings its own; none is ever installed.
   * `'channel'`: for clients without cookies; a message finds its channel by its name alone.
   */
  session?: Partial<SessionOptions> | false | 'channel';
  /** With `session: 'channel'`: the express-session store that keeps the channels. Default: this process's memory. */
  channelStore?: Store;
  /**
   * What channel records are encrypted under in the session store: one text of at least 32 characters, or several, of
   * which the first encrypts and all decrypt. Default: random for each process, with the embedded store only.
   */
  secret?: string | readonly string[];
  /** The kinds of key that clients may use. Default: all three. */
  keyKinds?: readonly KeyKind[];
  /** Bits of the server's RSA keys: 2048, 3072 or 4096. Default 2048. */
  rsaModulusLength?: 2048 | 3072 | 4096;
  /**
   * Whether plain `RSA-OAEP-256` messages are taken, which any JOSE library makes. They prove nothing about their
   * sender. Default `false`.
   */
  allowPlainJwe?: boolean;
  /** Seconds that a channel lives. Default 3600. */
  channelTtl?: number;
  /** How many channels a session may have; beyond it the least recently used goes. Default 32. */
  channelsPerSession?: number;
  /** Bytes of plaintext that a message may carry. Default 1,048,576 (1 MiB). */
  maxBodySize?: number;
  /** How deep a JSON body may be nested. Default 128. */
  maxBodyDepth?: number;
  /** Seals every route that is not `@Plain()`. Default `false`. */
  encryptByDefault?: boolean;
  /** Pads sealed JSON answers to their Padmé length, which hides most of their size. Default `false`. */
  padding?: boolean;
  /** The path prefix that a reverse proxy strips before requests arrive, such as `/api`. Default none. */
  publicPath?: string;
  /**
   * The server's long-term signing keys, Ed25519 or P-256, as PKCS#8 PEM or KeyObject: the first signs handshakes, all
   * are published at `GET /e2e/identity`. Default none.
   */
  identityKey?: IdentityKeyInput | readonly IdentityKeyInput[];
  /**
   * Device keys, which make a copied session cookie open no channel: `required` takes only handshakes with one. Needs
   * Express. Default `off`.
   */
  deviceBinding?: 'off' | 'required';
  /** Opens messages before the application's guards, so that they see the plain DTO. Default `true`. */
  guard?: boolean;
  /** Bounds of the pool of RSA key pairs. */
  keyPool?: KeyPoolOptions;
  /** Milliseconds after which a session store that does not answer is `busy`. Default 2000. */
  storeTimeout?: number;
  /** The embedded store: how many channels it holds at most. Default 50,000. */
  maxChannels?: number;
  /** Where sequence windows are kept. Default: this process's memory. */
  replayGuard?: ReplayGuard;
  /** Told of what happens, for metrics; called at once, so it must be quick. What it throws is not heard. */
  onEvent?: (event: E2eEvent) => void;
}

/** What goes beside the options, also beside `useFactory`: needed before any factory has run. */
export interface E2eExtras {
  /** Path of the handshake controller: `POST /{path}/handshake`, `GET /{path}/identity`. Default `e2e`. */
  path?: string;
  /** Decorators for the handshake controller, such as the `@Public()` that an application-wide guard looks for. */
  decorators?: ClassDecorator[];
  /** Whether the module's providers can be injected everywhere. Default `true`. */
  isGlobal?: boolean;
}

/** The options with their defaults, checked. */
export interface ResolvedOptions extends Required<
  Omit<E2eOptions, 'session' | 'channelStore' | 'secret' | 'identityKey' | 'keyPool' | 'replayGuard' | 'onEvent'>
> {
  readonly secrets: readonly string[];
  readonly identityKeys: readonly IdentityKeyInput[];
  readonly keyPool: KeyPoolOptions;
  readonly replayGuard: ReplayGuard | undefined;
}

/** Those of them that hold no secret and no key, and whether there is a secret, and a replay guard. */
export interface ShownOptions extends Omit<ResolvedOptions, 'secrets' | 'identityKeys' | 'replayGuard'> {
  readonly hasSecret: boolean;
  readonly hasReplayGuard: boolean;
}

const MIN_SECRET_LENGTH = 32;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError that names the option, what it takes, and what to do.
 */
export function resolveOptions(options: E2eOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    secrets: list(options.secret),
    keyKinds: options.keyKinds ?? KEY_KINDS,
    rsaModulusLength: options.rsaModulusLength ?? 2048,
    allowPlainJwe: options.allowPlainJwe ?? false,
    channelTtl: options.channelTtl ?? 3600,
    channelsPerSession: options.channelsPerSession ?? 32,
    maxBodySize: options.maxBodySize ?? 1_048_576,
    maxBodyDepth: options.maxBodyDepth ?? 128,
    encryptByDefault: options.encryptByDefault ?? false,
    padding: options.padding ?? false,
    publicPath: options.publicPath ?? '',
    identityKeys: list(options.identityKey),
    deviceBinding: options.deviceBinding ?? 'off',
    guard: options.guard ?? true,
    keyPool: options.keyPool ?? {},
    storeTimeout: options.storeTimeout ?? 2000,
    maxChannels: options.maxChannels ?? 50_000,
    replayGuard: options.replayGuard,
  };
  refuseUnknown(options);
  check(resolved);
  checkSession(options);
  return resolved;
}

/** A misspelt option would be one that is not set. */
const KNOWN: Record<keyof E2eOptions, true> = {
  session: true,
  channelStore: true,
  secret: true,
  keyKinds: true,
  rsaModulusLength: true,
  allowPlainJwe: true,
  channelTtl: true,
  channelsPerSession: true,
  maxBodySize: true,
  maxBodyDepth: true,
  encryptByDefault: true,
  padding: true,
  publicPath: true,
  identityKey: true,
  deviceBinding: true,
  guard: true,
  keyPool: true,
  storeTimeout: true,
  maxChannels: true,
  replayGuard: true,
  onEvent: true,
};

function refuseUnknown(options: object): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(KNOWN, name));
  if (unknown !== undefined) throw new TypeError(`E2eModule: there is no option "${unknown}".`);
}

function check(options: ResolvedOptions): void {
  for (const secret of options.secrets) {
    if (typeof secret !== 'string' || secret.length < MIN_SECRET_LENGTH) {
      throw wrong('secret', `texts of at least ${MIN_SECRET_LENGTH} characters; make one with: ${MAKE_SECRET}`);
    }
  }
  const keyKinds: unknown = options.keyKinds;
  const isKind = (kind: unknown): boolean => KEY_KINDS.includes(kind as KeyKind);
  if (!Array.isArray(keyKinds) || keyKinds.length === 0 || !keyKinds.every(isKind)) {
    throw wrong('keyKinds', `one or more of ${KEY_KINDS.map((kind) => `'${kind}'`).join(', ')}`);
  }
  if (![2048, 3072, 4096].includes(options.rsaModulusLength)) throw wrong('rsaModulusLength', '2048, 3072 or 4096');
  if (!['off', 'required'].includes(options.deviceBinding)) {
    throw wrong('deviceBinding', "'off' or 'required'");
  }
  wholeNumber('channelTtl', options.channelTtl, 'seconds');
  wholeNumber('channelsPerSession', options.channelsPerSession, 'channels');
  wholeNumber('maxBodySize', options.maxBodySize, 'bytes');
  wholeNumber('maxBodyDepth', options.maxBodyDepth, 'levels');
  wholeNumber('storeTimeout', options.storeTimeout, 'milliseconds');
  wholeNumber('maxChannels', options.maxChannels, 'channels');
  for (const [name, bound] of Object.entries(options.keyPool)) {
    wholeNumber(`keyPool.${name}`, bound as number, 'key pairs');
  }
  if (options.publicPath !== '' && !/^\/[^?#]*[^/?#]$/.test(options.publicPath)) {
    throw wrong('publicPath', "a path such as '/api', with a leading slash and none at the end");
  }
}

function checkSession({ session, channelStore, allowPlainJwe, onEvent }: E2eOptions): void {
  const given: unknown = session;
  if (given === null || given === true || (typeof given === 'string' && given !== 'channel')) {
    throw wrong('session', "express-session's options, false or 'channel'");
  }
  if (channelStore && session !== 'channel') {
    throw wrong('channelStore', "a store only beside session: 'channel'; otherwise put it into session: { store }");
  }
  // Without a session only a `dir` message tells who sent it.
  if (allowPlainJwe && session === 'channel') throw wrong('allowPlainJwe', "only false beside session: 'channel'");
  if (onEvent !== undefined && typeof onEvent !== 'function') throw wrong('onEvent', 'a function');
}

export const MAKE_SECRET = `node -p "require('crypto').randomBytes(32).toString('base64url')"`;

function wholeNumber(name: string, value: number, unit: string): void {
  if (!Number.isSafeInteger(value) || value < 1) throw wrong(name, `a whole number of ${unit}, 1 or more`);
}

/** The error for an option that is not what it must be. */
export function wrong(option: string, expected: string): TypeError {
  return new TypeError(`E2eModule: the option "${option}" takes ${expected}.`);
}

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
