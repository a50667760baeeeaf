import type { CryptoEngine } from '../protocol/crypto.js';
import { KEY_KINDS, RSA_MODULUS_BITS, type KeyKind, type SigningJwk } from '../protocol/keys.js';
import type { DeviceKeyOption } from './device.js';
import { E2eClientError } from './errors.js';

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
  /** The kind of key pair and so of channel; `'RSA'` unless said. */
  readonly keyKind?: KeyKind;
  /** Bits of the client's RSA keys: 2048 (unless said), 3072 or 4096. */
  readonly rsaModulusLength?: number;
  /**
   * The server's identity keys that are trusted, each a public JWK or its SHA-256 thumbprint (RFC 7638). With one or
   * more, a handshake that none of them has signed is refused. Without, whoever can change the traffic can swap keys.
   */
  readonly identityKeys?: readonly (SigningJwk | string)[];
  /**
   * `'auto'` (unless said): WebCrypto where there is one, else node-forge, loaded on demand. Or one of the two by name,
   * or an engine of one's own.
   */
  readonly engine?: 'auto' | 'web' | 'forge' | CryptoEngine;
  /** Whether the query of a request without a body travels sealed instead of in the URL; `true` unless said. */
  readonly sealQuery?: boolean;
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
  /** As for `fetch`; unless said `'same-origin'` on the server's own origin and `'include'` elsewhere. */
  readonly credentials?: RequestCredentials;
  /** Whether the client keeps the server's cookies where the platform does not (Node, Deno, Bun); `true` unless said. */
  readonly cookies?: boolean;
  /** What sends the requests; the global `fetch` unless said. */
  readonly fetch?: typeof globalThis.fetch;
}

/** The options with their defaults, checked. */
export interface Settings extends Required<Omit<E2eClientOptions, 'baseUrl' | 'path' | 'resend' | 'credentials'>> {
  readonly base: URL;
  readonly handshakeUrl: string;
  readonly identityUrl: string;
  readonly resend: E2eClientOptions['resend'];
  readonly credentials: RequestCredentials;
}

/** A misspelt option would be one that is not set, `identityKeys` among them. */
const KNOWN: Record<keyof E2eClientOptions, true> = {
  baseUrl: true,
  path: true,
  keyKind: true,
  rsaModulusLength: true,
  identityKeys: true,
  engine: true,
  sealQuery: true,
  resend: true,
  deviceKey: true,
  padding: true,
  maxResponseSize: true,
  credentials: true,
  cookies: true,
  fetch: true,
};

const MEBIBYTE = 2 ** 20;

/** @throws E2eClientError `invalid-option`. */
export function resolveOptions(options: E2eClientOptions): Settings {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(KNOWN, name));
  if (unknown !== undefined) throw invalid(unknown, 'is no option of createE2eClient');
  if (options.identityKeys?.length === 0) throw invalid('identityKeys', 'holds at least one key, where it is given');
  const { keyKind = 'RSA', rsaModulusLength = RSA_MODULUS_BITS.min, maxResponseSize = 16 * MEBIBYTE } = options;
  if (!KEY_KINDS.includes(keyKind)) throw invalid('keyKind', `is one of ${KEY_KINDS.join(', ')}`);
  if (![2048, 3072, 4096].includes(rsaModulusLength)) throw invalid('rsaModulusLength', 'is 2048, 3072 or 4096 (bits)');
  if (!(maxResponseSize > 0)) throw invalid('maxResponseSize', 'is a positive number of bytes');

  const ownOrigin = (globalThis as { location?: { origin?: string } }).location?.origin;
  const base = readBase(options.baseUrl ?? ownOrigin);
  const at = (name: string) => new URL(`${(options.path ?? 'e2e').replace(/^\/+|\/+$/g, '')}/${name}`, base).href;
  return {
    base,
    handshakeUrl: at('handshake'),
    identityUrl: at('identity'),
    keyKind,
    rsaModulusLength,
    identityKeys: options.identityKeys ?? [],
    engine: options.engine ?? 'auto',
    sealQuery: options.sealQuery ?? true,
    resend: options.resend,
    deviceKey: options.deviceKey ?? false,
    padding: options.padding ?? false,
    maxResponseSize,
    credentials: options.credentials ?? (base.origin === ownOrigin ? 'same-origin' : 'include'),
    cookies: options.cookies ?? true,
    // Not the function itself: browsers refuse a `fetch` that is called as another object's method.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  };
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
      'is the http or https URL of the server, such as https://api.example.com, without user name and password; outside a page it has to be given',
    );
  }
  base.hash = base.search = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

function invalid(option: string, rule: string): E2eClientError {
  return new E2eClientError('invalid-option', `${option} ${rule}`);
}
