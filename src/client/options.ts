import type { CryptoEngine } from '../protocol/crypto.js';
import { KEY_KINDS, type KeyKind } from '../protocol/key-kind.js';
import type { SigningJwk } from '../protocol/jwk.js';
import type { DeviceKeyOption } from './trust/device.js';
import { E2eClientError } from './errors.js';
import { checkUrl } from './runtime.js';

/** A request, as `resend` is asked about it. */
export interface ResendRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
}

export interface E2eClientOptions {
  /**
   * Where the server is; relative URLs are resolved against it, and no other origin is ever sent anything. A path
   * counts as a folder. The page's (or worker's) own origin unless said.
   */
  readonly baseUrl?: string | URL;
  /** The server's `path` option, resolved against `baseUrl`; `'e2e'` unless said. */
  readonly path?: string;
  /**
   * The kind of key pair and so of channel; `'RSA'` unless said. Or a list by preference: where the server refuses a kind, or
   * this runtime does not have it, the next one is tried. Whoever can change the traffic can forge a refusal: list only what
   * may be used. `'MLKEM768-X25519'` alone is what a quantum computer does not read later.
   */
  readonly keyKind?: KeyKind | readonly KeyKind[];
  /** Bits of the client's RSA keys: 2048 (unless said), 3072 or 4096. */
  readonly rsaModulusLength?: number;
  /**
   * The server's identity keys that are trusted, each a public JWK or its SHA-256 thumbprint (RFC 7638). With one or
   * more, a handshake that none of them has signed is refused. Without, whoever can change the traffic can swap keys.
   */
  readonly identityKeys?: readonly (SigningJwk | string)[];
  /**
   * `'auto'` (unless said): WebCrypto where there is one (in Node, AES and hashes by node:crypto), else node-forge, loaded
   * on demand. Or one of the two by name, or an engine of one's own.
   */
  readonly engine?: 'auto' | 'web' | 'forge' | CryptoEngine;
  /** Whether a request's query travels inside its message instead of in the URL; `true` unless said. */
  readonly sealQuery?: boolean;
  /**
   * Names of a request's header fields that travel inside its message, and not outside; `['last-event-id']` unless said.
   * The server takes those of its option `sealedHeaders.request` alone, and refuses any other.
   */
  readonly sealHeaders?: readonly string[];
  /**
   * Names of an answer's header fields that are taken from inside its message alone, beside `location`,
   * `content-disposition`, `content-language` and `link`; none unless said. Name those that the server adds by its option
   * `sealedHeaders.response`: what stands outside under such a name is then dropped.
   */
  readonly sealedResponseHeaders?: readonly string[];
  /**
   * Whether a request may be sent again on a new channel after the server refused it for its old one. Unless said, or
   * where the function answers `undefined`: GET, PUT, DELETE, OPTIONS, and whatever has an `Idempotency-Key`.
   */
  readonly resend?: boolean | ((request: ResendRequest) => boolean | undefined);
  /**
   * A device key, which makes a copied session cookie open no channel; needs `deviceBinding` at the server. `true`: a
   * P-256 key that cannot be read out, kept in IndexedDB where there is one, else in memory. Or a key pair, or a storage
   * of one's own. `false` unless said.
   */
  readonly deviceKey?: DeviceKeyOption;
  /** Whether JSON bodies are padded to hide their length (PROTOCOL §4, Padmé); `false` unless said. */
  readonly padding?: boolean;
  /** The longest answer, in bytes as it travels, a third more than the plain body; 16 MiB unless said. */
  readonly maxResponseSize?: number;
  /**
   * The longest body of a request, in bytes as it travels, that is held in memory where the platform can neither stream it
   * nor keep it in a file meanwhile; 64 MiB unless said. Longer ones are `request-unsupported` there.
   */
  readonly maxBufferedUpload?: number;
  /** As for `fetch`; unless said `'same-origin'` on the server's own origin and `'include'` elsewhere. */
  readonly credentials?: RequestCredentials;
  /** Whether the client keeps the server's cookies where the platform does not (Node, Deno, Bun); `true` unless said. */
  readonly cookies?: boolean;
  /** What sends the requests. By default the global `fetch` of the moment, so what patches it later sees the requests. */
  readonly fetch?: typeof globalThis.fetch;
  /**
   * What `client.webSocket` connects by; the global `WebSocket` of the moment unless said. Node 20 has none: give it that of
   * the package `ws`.
   */
  readonly webSocket?: WebSocketClass;
}

/** A WebSocket class as browsers have it, or the one of the package `ws`. */
export type WebSocketClass = new (url: string, protocols: string[], options?: object) => object;

/** The options that have no default of their own. */
type Unset = 'baseUrl' | 'identityKeys' | 'resend' | 'credentials' | 'fetch' | 'webSocket';
type Complete = Required<Omit<E2eClientOptions, Unset>> & { readonly [Name in Unset]: E2eClientOptions[Name] };

/** The options with their defaults, checked. */
export interface Settings extends Omit<Complete, 'baseUrl' | 'path' | 'credentials' | 'keyKind'> {
  readonly base: URL;
  /** By preference. */
  readonly keyKinds: readonly KeyKind[];
  /** Where the handshake (`handshake`) and the identity keys (`identity`) are. */
  readonly at: (name: string) => string;
  readonly credentials: RequestCredentials;
  /** The global `fetch` of the moment when the client was made: the caller may put the client in its place. */
  readonly globalFetch: typeof globalThis.fetch | undefined;
}

/** The options that protect: one that is given without a value would silently be one that is not set. */
const PROTECTIVE = new Set(['identityKeys', 'deviceKey', 'keyKind', 'padding']);

/** Every option there is: a misspelt one would be one that is not set, `identityKeys` among them. */
const DEFAULTS: Complete = {
  baseUrl: undefined,
  path: 'e2e',
  keyKind: 'RSA',
  rsaModulusLength: 2048,
  identityKeys: undefined,
  engine: 'auto',
  sealQuery: true,
  sealHeaders: ['last-event-id'],
  sealedResponseHeaders: [],
  resend: undefined,
  deviceKey: false,
  padding: false,
  maxResponseSize: 16 * 2 ** 20,
  maxBufferedUpload: 64 * 2 ** 20,
  credentials: undefined,
  cookies: true,
  fetch: undefined,
  webSocket: undefined,
};

/** @throws E2eClientError `invalid-option`. */
export function resolveOptions(options: E2eClientOptions): Settings {
  const given = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (!Object.hasOwn(DEFAULTS, name)) throw invalid(name, 'is no option of createE2eClient');
    if (value != null) Object.assign(given, { [name]: value });
    else if (PROTECTIVE.has(name)) throw invalid(name, `is ${value as null}: give it a value, or leave the option out`);
  }
  const { baseUrl, path, keyKind, rsaModulusLength, identityKeys, deviceKey, credentials } = given;
  const keyKinds = [keyKind].flat();
  if (!keyKinds[0] || !keyKinds.every((kind) => KEY_KINDS.includes(kind))) {
    throw invalid('keyKind', `is one of ${KEY_KINDS.join(', ')}, or a list of them`);
  }
  if (![2048, 3072, 4096].includes(rsaModulusLength)) throw invalid('rsaModulusLength', 'is 2048, 3072 or 4096 (bits)');
  for (const name of ['maxResponseSize', 'maxBufferedUpload'] as const) {
    if (!(given[name] > 0)) throw invalid(name, 'is a positive number of bytes');
  }
  for (const name of ['sealQuery', 'padding', 'cookies'] as const) {
    if (typeof given[name] !== 'boolean') throw invalid(name, 'must be true or false');
  }
  if (typeof deviceKey !== 'boolean' && typeof deviceKey !== 'object') {
    throw invalid('deviceKey', 'must be true, false, a key pair, a DeviceKey or a DeviceStorage');
  }
  // The rest of what a key must be is seen before the first handshake: a page without pins need not load those checks.
  if (identityKeys !== undefined && !arePins(identityKeys)) {
    throw invalid('identityKeys', 'must be an array of public JWKs (Ed25519, P-256) or their SHA-256 thumbprints');
  }

  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());

  const ownOrigin = (globalThis as { location?: { origin?: string } }).location?.origin;
  checkUrl();
  const base = readBase(baseUrl ?? ownOrigin);
  return {
    ...given,
    // Which names may stand there is checked with the first call: a page that sends none need not load the list.
    sealHeaders: lower(given.sealHeaders),
    sealedResponseHeaders: lower(given.sealedResponseHeaders),
    base,
    keyKinds,
    identityKeys: identityKeys && [...identityKeys],
    at: (name) => new URL(`${path.replace(/^\/+|\/+$/g, '')}/${name}`, base).href,
    credentials: credentials ?? (base.origin === ownOrigin ? 'same-origin' : 'include'),
    globalFetch: globalThis.fetch,
  };
}

function arePins(pins: unknown): boolean {
  return Array.isArray(pins) && pins.length > 0 && pins.every(looksLikePin);
}

function looksLikePin(pin: SigningJwk | string | null): boolean {
  return typeof pin === 'string' ? /^[\w-]{43}$/.test(pin) : pin?.crv === 'Ed25519' || pin?.crv === 'P-256';
}

function readBase(baseUrl: string | URL | undefined): URL {
  let base: URL | undefined;
  try {
    base = new URL(baseUrl ?? '');
  } catch {
    // said below
  }
  if (!base || !/^https?:$/.test(base.protocol) || base.username || base.password) {
    throw invalid(
      'baseUrl',
      'is the http(s) URL of the server, without user name and password; outside a page it must be given',
    );
  }
  base.hash = base.search = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

function invalid(option: string, rule: string): E2eClientError {
  return new E2eClientError('invalid-option', `${option} ${rule}`);
}
