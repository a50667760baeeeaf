import type { NodeLikeCrypto } from '../crypto/node-like.js';
import type { CryptoEngine } from '../protocol/crypto.js';
import { KEY_KINDS, type KeyKind } from '../protocol/key-kind.js';
import type { SigningJwk } from '../protocol/jwk.js';
import type { DeviceKeyOption } from './trust/device.js';
import { E2eClientError } from './errors.js';
import { checkUrl } from './runtime.js';

/** The request that `resend` decides about. */
export interface ResendRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
}

export interface E2eClientOptions {
  /**
   * The server's URL. Relative URLs are resolved against it, and a path counts as a folder. The client never sends
   * anything to another origin. Default: the origin of the page or worker; required elsewhere.
   */
  readonly baseUrl?: string | URL;
  /** The server's `path` option, resolved against `baseUrl`. Default `'e2e'`. */
  readonly path?: string;
  /**
   * The kind of key pair, and so of channel. Or a list by preference: if the server rejects a kind, or this runtime does
   * not support it, the client tries the next one. Anyone who can change the traffic can forge such a rejection, so list
   * only kinds that you accept. Only `'MLKEM768-X25519'` protects recorded traffic from a later quantum computer.
   * Default `'RSA'`.
   */
  readonly keyKind?: KeyKind | readonly KeyKind[];
  /** Bits of the client's RSA keys: 2048, 3072 or 4096. Default 2048. */
  readonly rsaModulusLength?: number;
  /**
   * The server's identity keys that you trust (pins), each a public JWK or its SHA-256 thumbprint (RFC 7638). The client
   * rejects a handshake that none of them has signed. Without pins, anyone who can change the traffic can swap the keys.
   * Default none.
   */
  readonly identityKeys?: readonly (SigningJwk | string)[];
  /**
   * The crypto engine. `'auto'` uses WebCrypto (in Node, node:crypto for AES and hashes). If there is no WebCrypto, it loads
   * an engine in JavaScript: node-forge for RSA, the noble libraries for the other kinds. Or name one of the three, or pass
   * a module with the interface of node:crypto, such as `react-native-quick-crypto`, or your own engine. Default `'auto'`.
   */
  readonly engine?: 'auto' | 'web' | 'forge' | 'noble' | NodeLikeCrypto | CryptoEngine;
  /** Whether a request's query travels inside its message instead of in the URL. Default `true`. */
  readonly sealQuery?: boolean;
  /**
   * Names of request header fields that travel inside the message and not outside. The server accepts only the names in
   * its option `sealedHeaders.request` and rejects all others. Default `['last-event-id']`.
   */
  readonly sealHeaders?: readonly string[];
  /**
   * Further names of response header fields that the client reads only from inside the message. `location`,
   * `content-disposition`, `content-language` and `link` are always among them. Add the names that the server adds in its
   * option `sealedHeaders.response`: the client then drops a field of that name outside. Default none.
   */
  readonly sealedResponseHeaders?: readonly string[];
  /**
   * Whether the client may send a request again on a new channel after the server rejected the old channel. By default,
   * and if the function returns `undefined`: GET, PUT, DELETE, OPTIONS, and requests with an `Idempotency-Key`.
   */
  readonly resend?: boolean | ((request: ResendRequest) => boolean | undefined);
  /**
   * A device key. With it, a copied session cookie opens no channel. It needs `deviceBinding` at the server. `true`
   * creates a P-256 key that cannot be exported, and keeps it in IndexedDB, or in memory if there is no IndexedDB. Or pass
   * your own key pair or storage. Default `false`.
   */
  readonly deviceKey?: DeviceKeyOption;
  /** Whether JSON bodies are padded to hide their length (PROTOCOL §4, Padmé). Default `false`. */
  readonly padding?: boolean;
  /**
   * The longest response, in bytes on the wire, which is a third more than its plaintext; also the longest event of an
   * event source, in characters, and the longest message of a socket, in bytes. Default 16 MiB.
   */
  readonly maxResponseSize?: number;
  /**
   * The longest request body, in bytes on the wire, that is held in memory if the platform can neither stream it nor
   * buffer it in a file. Longer bodies are `request-unsupported` there. Default 64 MiB.
   */
  readonly maxBufferedUpload?: number;
  /**
   * Whether the last 50 calls are kept, plain and as they were sent, for `showDebugPanel()` of
   * `nestjs-e2e-encryption/debug`. For development: calls fail where `NODE_ENV` is `production`. Unless it is `'force'`, they
   * fail too on pages that are not on localhost, and outside a page where `NODE_ENV` is not `development` or `test`.
   * Default `false`.
   */
  readonly debug?: boolean | 'force';
  /** As for `fetch`. Default: `'same-origin'` on the server's own origin, `'include'` elsewhere. */
  readonly credentials?: RequestCredentials;
  /** Whether the client keeps the server's cookies if the platform does not (Node, Deno, Bun). Default `true`. */
  readonly cookies?: boolean;
  /** The function that sends requests. Default: the global `fetch` at the time of each request, patched or not. */
  readonly fetch?: typeof globalThis.fetch;
  /**
   * The class that `client.webSocket` connects with. Node 20 has no `WebSocket`: pass the class of the package `ws`.
   * Default: the global `WebSocket`.
   */
  readonly webSocket?: WebSocketClass;
}

/** The browser's `WebSocket` class, or the class of the package `ws`. */
export type WebSocketClass = new (url: string, protocols: string[], options?: object) => object;

/** The options without a default. */
type Unset = 'baseUrl' | 'identityKeys' | 'resend' | 'credentials' | 'fetch' | 'webSocket';
type Complete = Required<Omit<E2eClientOptions, Unset>> & { readonly [Name in Unset]: E2eClientOptions[Name] };

/** The options with their defaults, checked. */
export interface Settings extends Omit<Complete, 'baseUrl' | 'path' | 'credentials' | 'keyKind'> {
  readonly base: URL;
  /** By preference. */
  readonly keyKinds: readonly KeyKind[];
  /** The URL of the handshake (`handshake`) or of the identity keys (`identity`). */
  readonly at: (name: string) => string;
  readonly credentials: RequestCredentials;
  /** The global `fetch` at the time when the client was created: the caller may replace it by the client. */
  readonly globalFetch: typeof globalThis.fetch | undefined;
  /** Marks the client's own requests: if the client replaces the global `fetch`, they come back to it. */
  readonly mark: symbol;
}

/** Options that protect. With `undefined`, such an option would silently not be set, so that is an error. */
const PROTECTIVE = new Set(['identityKeys', 'deviceKey', 'keyKind', 'padding']);

/** All options. Any other name is an error: a misspelled `identityKeys` would silently not be set. */
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
  debug: false,
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
    if (!Object.hasOwn(DEFAULTS, name)) throw invalid(name, 'is not an option of createE2eClient');
    if (value != null) Object.assign(given, { [name]: value });
    else if (PROTECTIVE.has(name)) throw invalid(name, `is ${value as null}: set a value, or leave the option out`);
  }
  const { baseUrl, path, keyKind, rsaModulusLength, identityKeys, deviceKey, credentials } = given;
  const keyKinds = [keyKind].flat();
  if (!keyKinds[0] || !keyKinds.every((kind) => KEY_KINDS.includes(kind))) {
    throw invalid('keyKind', `must be one of ${KEY_KINDS.join(', ')}, or a list of them`);
  }
  if (![2048, 3072, 4096].includes(rsaModulusLength)) {
    throw invalid('rsaModulusLength', 'must be 2048, 3072 or 4096 (bits)');
  }
  for (const name of ['maxResponseSize', 'maxBufferedUpload'] as const) {
    if (!(given[name] > 0)) throw invalid(name, 'must be a positive number of bytes');
  }
  for (const name of ['sealQuery', 'padding', 'cookies'] as const) {
    if (typeof given[name] !== 'boolean') throw invalid(name, 'must be true or false');
  }
  if (typeof deviceKey !== 'boolean' && typeof deviceKey !== 'object') {
    throw invalid('deviceKey', 'must be true, false, a key pair, a DeviceKey or a DeviceStorage');
  }
  // Keys are checked fully before the first handshake: a page without pins does not load these checks.
  if (identityKeys !== undefined && !arePins(identityKeys)) {
    throw invalid('identityKeys', 'must be an array of public JWKs (Ed25519, P-256) or their SHA-256 thumbprints');
  }

  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());

  const ownOrigin = (globalThis as { location?: { origin?: string } }).location?.origin;
  checkUrl();
  const base = readBase(baseUrl ?? ownOrigin);
  return {
    ...given,
    // The names are checked with the first call: a page that seals none does not load the list.
    sealHeaders: lower(given.sealHeaders),
    sealedResponseHeaders: lower(given.sealedResponseHeaders),
    base,
    keyKinds,
    identityKeys: identityKeys && [...identityKeys],
    at: (name) => new URL(`${path.replace(/^\/+|\/+$/g, '')}/${name}`, base).href,
    credentials: credentials ?? (base.origin === ownOrigin ? 'same-origin' : 'include'),
    globalFetch: globalThis.fetch,
    mark: Symbol('e2e'),
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
    // reported below
  }
  if (!base || !/^https?:$/.test(base.protocol) || base.username || base.password) {
    throw invalid(
      'baseUrl',
      'must be the http(s) URL of the server, without user name and password; it is required outside a page',
    );
  }
  base.hash = base.search = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

function invalid(option: string, rule: string): E2eClientError {
  return new E2eClientError('invalid-option', `${option} ${rule}`);
}
