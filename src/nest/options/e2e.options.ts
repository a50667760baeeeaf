import type { SessionOptions, Store } from 'express-session';
import type { E2eEvent } from '../../channel/events.js';
import type { IdentityKeyInput } from '../../channel/identity.js';
import type { KeyPoolOptions } from '../../channel/key-pool.js';
import type { ReplayGuard } from '../../channel/replay.js';
import { KEY_KINDS, type KeyKind } from '../../protocol/keys.js';
import { DEFAULT_REQUEST_HEADERS, DEFAULT_RESPONSE_HEADERS, LOCATION } from '../../protocol/sealed-headers.js';

/**
 * Injection tokens: the options as the application passed them; the checked options; those with defaults and without
 * secrets; the handshake's path.
 */
export const E2E_GIVEN = Symbol('E2E_GIVEN');
export const E2E_OPTIONS = Symbol('E2E_OPTIONS');
export const E2E_SETTINGS = Symbol('E2E_SETTINGS');
export const E2E_PATH = Symbol('E2E_PATH');

/**
 * The module itself injects these providers by tokens, and exports them by their classes. So a test that overrides
 * `KeyService` replaces it for the application's code only, and sealing still works.
 */
export const E2E_KEYS = Symbol('E2E_KEYS');
export const E2E_EVENTS = Symbol('E2E_EVENTS');
export const E2E_ROUTES = Symbol('E2E_ROUTES');

/** Options of `E2eModule`. All of them are optional. */
export interface E2eOptions {
  /**
   * Options of the session middleware that the module installs if the application has none: express-session's options
   * (on Fastify those that `@fastify/session` supports too). `false`: the module never installs one, because the
   * application has its own. `'channel'`: for clients without cookies; a message finds its channel by `kid`.
   * Default `{}`.
   */
  session?: Partial<SessionOptions> | false | 'channel';
  /** With `session: 'channel'`: the express-session store that keeps the channels. Default: this process's memory. */
  channelStore?: Store;
  /**
   * Encrypts channels in the session store: a string of at least 32 characters, or several, of which the first encrypts
   * and all decrypt. Default: random for each process, which is allowed only with the store in memory.
   */
  secret?: string | readonly string[];
  /** The kinds of key that clients may use. Default: all four. */
  keyKinds?: readonly KeyKind[];
  /** Bits of the server's RSA keys: 2048, 3072 or 4096. Default 2048. */
  rsaModulusLength?: 2048 | 3072 | 4096;
  /**
   * Whether the server accepts plain `RSA-OAEP-256` messages, which any JOSE library can make. They do not prove their
   * sender. Default `false`.
   */
  allowPlainJwe?: boolean;
  /** Lifetime of a channel, in seconds. Default 3600. */
  channelTtl?: number;
  /** How many channels a session may have. Over the limit, the least recently used one ends. Default 32. */
  channelsPerSession?: number;
  /** The largest plaintext of a message, in bytes. Default 1,048,576 (1 MiB). */
  maxBodySize?: number;
  /** The largest request body in frames, in bytes on the wire. Default 104,857,600 (100 MiB). */
  maxStreamSize?: number;
  /**
   * How many bytes of responses may be held that begin before their request's body in frames has ended
   * (`req.pipe(res)`), of all requests together; each may hold 16 MiB. Over the limit, the response that holds most is cut
   * off. Default 67,108,864 (64 MiB).
   */
  maxHeldSize?: number;
  /** Seconds that a request in frames may take, from when the client sealed its head. Default 3600. */
  maxUploadTime?: number;
  /** How long a body in frames may pause, in milliseconds. Default 60,000. */
  streamIdleTimeout?: number;
  /**
   * How often the module asks the session store if another server has ended the sessions of running streams (uploads,
   * responses in frames and sockets) or revoked their channels, in milliseconds. At most 30,000. Default 30,000.
   */
  streamCheckInterval?: number;
  /**
   * How much time running streams get to finish when the application closes, in milliseconds. After that they end as
   * broken, and their connections close. Sockets end at once, with 1001; this is how long the response to it may take.
   * Default 10,000.
   */
  shutdownTimeout?: number;
  /** How deep a JSON body may be nested. Default 128. */
  maxBodyDepth?: number;
  /** Seals every route that is not `@Plain()`. Default `false`. */
  encryptByDefault?: boolean;
  /**
   * Paths under which everything is sealed, whatever is mounted there: GraphQL, tRPC, a router or a plugin mounted by hand,
   * static files. Each as a request names it at this server, with the global prefix: `['/graphql']`. Sockets under them
   * need `E2eWsAdapter`; without it their upgrades are refused. The application does not start if a path covers the
   * handshake, a gateway that is `@Encrypted()`, or what is declared plain or sealed one way. Default none.
   */
  sealedPaths?: readonly string[];
  /**
   * Names of header fields that travel inside messages. `location` always does. `request`: the fields that the
   * application gets from inside and never from outside; default `['last-event-id']`. Add `authorization` only if the
   * application itself verifies it, and nothing in front of it does. `response`: the fields that responses carry inside;
   * default `['content-disposition', 'content-language', 'link']`. PROTOCOL §4 lists the names that are not allowed.
   */
  sealedHeaders?: SealedHeaders;
  /** Pads sealed JSON responses to their Padmé length, which hides most of their size. Default `false`. */
  padding?: boolean;
  /** The path prefix that a reverse proxy removes from requests, such as `/api`. Default none. */
  publicPath?: string;
  /**
   * The server's long-term signing keys, Ed25519 or P-256, as PKCS#8 PEM or KeyObject: the first signs handshakes, all
   * are published at `GET /e2e/identity`. Default none.
   */
  identityKey?: IdentityKeyInput | readonly IdentityKeyInput[];
  /**
   * With `required`, the server accepts only handshakes with a device key, so a copied session cookie opens no channel.
   * Default `off`.
   */
  deviceBinding?: 'off' | 'required';
  /** Limits for RSA key generation. */
  keyPool?: KeyPoolOptions;
  /** How long a session store may take before the request is `busy`, in milliseconds. Default 2000. */
  storeTimeout?: number;
  /** How many channels the module's own store keeps in memory. Default 50,000. */
  maxChannels?: number;
  /** Where sequence windows are kept. Default: this process's memory. */
  replayGuard?: ReplayGuard;
  /** Called for every event, for metrics. It is called synchronously, so it must be quick. Its errors are logged. */
  onEvent?: (event: E2eEvent) => void;
}

/** The option `sealedHeaders`. */
export interface SealedHeaders {
  readonly request?: readonly string[];
  readonly response?: readonly string[];
}

/** Members beside the options, or beside `useFactory`. The module needs them before it calls a factory. */
export interface E2eExtras {
  /** Path of the handshake controller: `POST /{path}/handshake`, `GET /{path}/identity`. Default `e2e`. */
  path?: string;
  /** Decorators for the handshake controller, such as a `@Public()` that your application-wide guard reads. Default none. */
  decorators?: ClassDecorator[];
  /** Whether the module's providers can be injected everywhere. Default `true`. */
  isGlobal?: boolean;
}

/** The checked options that are secret, or that lead to secrets. Keep them in `#private` members only. */
export interface SecretOptions {
  readonly secrets: readonly string[];
  readonly identityKeys: readonly IdentityKeyInput[];
  readonly replayGuard: ReplayGuard | undefined;
}

/** The other checked options with their defaults, and whether there is a secret and a replay guard. */
export interface ShownOptions extends Required<
  Omit<
    E2eOptions,
    'session' | 'channelStore' | 'secret' | 'identityKey' | 'keyPool' | 'replayGuard' | 'onEvent' | 'sealedHeaders'
  >
> {
  /** In lower case; the response's include `location`. */
  readonly sealedHeaders: Required<SealedHeaders>;
  readonly keyPool: KeyPoolOptions;
  readonly hasSecret: boolean;
  readonly hasReplayGuard: boolean;
}

export const MAKE_SECRET = `node -p "require('crypto').randomBytes(32).toString('base64url')"`;

export function secretOptions({ secret, identityKey, replayGuard }: E2eOptions): SecretOptions {
  return { secrets: list(secret), identityKeys: list(identityKey), replayGuard };
}

/** Picks each member, so that a new secret option is not shown by mistake. */
export function shownOptions(options: E2eOptions): ShownOptions {
  return {
    hasSecret: list(options.secret).length > 0,
    hasReplayGuard: options.replayGuard !== undefined,
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
    sealedPaths: options.sealedPaths ?? [],
    padding: options.padding ?? false,
    sealedHeaders: resolveSealedHeaders(options.sealedHeaders),
    publicPath: options.publicPath ?? '',
    deviceBinding: options.deviceBinding ?? 'off',
    keyPool: options.keyPool ?? {},
    storeTimeout: options.storeTimeout ?? 2000,
    maxChannels: options.maxChannels ?? 50_000,
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
