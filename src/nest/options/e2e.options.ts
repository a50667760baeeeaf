import type { SessionOptions, Store } from 'express-session';
import type { E2eEvent } from '../../channel/events.js';
import type { IdentityKeyInput } from '../../channel/identity.js';
import type { KeyPoolOptions } from '../../channel/key-pool.js';
import type { ReplayGuard } from '../../channel/replay.js';
import { KEY_KINDS, type KeyKind } from '../../protocol/keys.js';
import { DEFAULT_REQUEST_HEADERS, DEFAULT_RESPONSE_HEADERS, LOCATION } from '../../protocol/sealed-headers.js';

/** Injection tokens: the options as the application gave them; those, checked; and the handshake controller's path. */
export const E2E_GIVEN = Symbol('E2E_GIVEN');
export const E2E_OPTIONS = Symbol('E2E_OPTIONS');
export const E2E_PATH = Symbol('E2E_PATH');

/**
 * Under these tokens the module has what it also exports under the names of their classes. A test that overrides
 * `KeyService` replaces what the application's own code is given, and sealing goes on.
 */
export const E2E_KEYS = Symbol('E2E_KEYS');
export const E2E_EVENTS = Symbol('E2E_EVENTS');
export const E2E_ROUTES = Symbol('E2E_ROUTES');

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
  /** The kinds of key that clients may use. Default: all four. */
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
  /** Bytes that a request's body in frames may have on the wire. Default 104,857,600 (100 MiB). */
  maxStreamSize?: number;
  /**
   * Bytes that are held, of all requests together, of answers that begin before their requests' bodies in frames have
   * ended (`req.pipe(res)`), at most 16 MiB each. Over it the answer that holds most is cut off. Default 67,108,864 (64 MiB).
   */
  maxHeldSize?: number;
  /** Seconds that a request in frames may take, from when the client sealed its head. Default 3600. */
  maxUploadTime?: number;
  /** Milliseconds in which nothing of a body in frames may come. Default 60,000. */
  streamIdleTimeout?: number;
  /**
   * Milliseconds between two looks at the session store for whether the sessions of running streams (uploads and answers
   * in frames) have ended, or their channels were revoked, on another server. Default, and at most, 30,000.
   */
  streamCheckInterval?: number;
  /**
   * Milliseconds that running streams get to finish when the application closes; then they end as broken, and their
   * connections close. Default 10,000.
   */
  shutdownTimeout?: number;
  /** How deep a JSON body may be nested. Default 128. */
  maxBodyDepth?: number;
  /** Seals every route that is not `@Plain()`. Default `false`. */
  encryptByDefault?: boolean;
  /**
   * Names of header fields that travel inside messages, beside `location`, which always does. `request`: those that the
   * application takes from inside and never from outside; default `['last-event-id']`. Add `authorization` where the
   * application itself verifies it, and nothing in front of it does. `response`: those that answers carry inside; default
   * `['content-disposition', 'content-language', 'link']`. PROTOCOL §4 lists the names that are refused.
   */
  sealedHeaders?: SealedHeaders;
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

/** The option `sealedHeaders`. */
export interface SealedHeaders {
  readonly request?: readonly string[];
  readonly response?: readonly string[];
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
  Omit<
    E2eOptions,
    'session' | 'channelStore' | 'secret' | 'identityKey' | 'keyPool' | 'replayGuard' | 'onEvent' | 'sealedHeaders'
  >
> {
  /** In lower case, `location` among those of answers. */
  readonly sealedHeaders: Required<SealedHeaders>;
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

export const MAKE_SECRET = `node -p "require('crypto').randomBytes(32).toString('base64url')"`;

/** Fills in the defaults of options that were checked. */
export function resolveOptions(options: E2eOptions): ResolvedOptions {
  return {
    secrets: list(options.secret),
    keyKinds: options.keyKinds ?? KEY_KINDS,
    rsaModulusLength: options.rsaModulusLength ?? 2048,
    allowPlainJwe: options.allowPlainJwe ?? false,
    channelTtl: options.channelTtl ?? 3600,
    channelsPerSession: options.channelsPerSession ?? 32,
    maxBodySize: options.maxBodySize ?? 1_048_576,
    maxStreamSize: options.maxStreamSize ?? 104_857_600,
    maxHeldSize: options.maxHeldSize ?? 67_108_864,
    maxUploadTime: options.maxUploadTime ?? 3600,
    streamIdleTimeout: options.streamIdleTimeout ?? 60_000,
    streamCheckInterval: options.streamCheckInterval ?? 30_000,
    shutdownTimeout: options.shutdownTimeout ?? 10_000,
    maxBodyDepth: options.maxBodyDepth ?? 128,
    encryptByDefault: options.encryptByDefault ?? false,
    padding: options.padding ?? false,
    sealedHeaders: resolveSealedHeaders(options.sealedHeaders),
    publicPath: options.publicPath ?? '',
    identityKeys: list(options.identityKey),
    deviceBinding: options.deviceBinding ?? 'off',
    keyPool: options.keyPool ?? {},
    storeTimeout: options.storeTimeout ?? 2000,
    maxChannels: options.maxChannels ?? 50_000,
    replayGuard: options.replayGuard,
  };
}

function resolveSealedHeaders({
  request = DEFAULT_REQUEST_HEADERS,
  response = DEFAULT_RESPONSE_HEADERS,
}: SealedHeaders = {}): Required<SealedHeaders> {
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  return { request: lower(request), response: [...new Set([LOCATION, ...lower(response)])] };
}

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
