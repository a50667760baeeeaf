import { isIP } from 'node:net';
import { readPrivate, writePrivate } from './private-file.js';
import { UsageError } from './terminal.js';

interface StoredCookie {
  readonly domain: string;
  /** Whether hosts below `domain` get it too. */
  readonly wide: boolean;
  readonly path: string;
  readonly secure: boolean;
  /** Seconds since 1970; 0 for a session's. */
  readonly expires: number;
  readonly name: string;
  readonly value: string;
  readonly httpOnly: boolean;
}

const HEAD = '# Netscape HTTP Cookie File\n# Whoever has this file is the visitor whose session it names.\n\n';
const HTTP_ONLY = '#HttpOnly_';

/** Cookies in a file, in the format of curl's and wget's, readable by its owner alone. Keys are never in it. */
export class CookieFile {
  readonly #path: string;
  #cookies: StoredCookie[];

  private constructor(path: string, cookies: StoredCookie[]) {
    this.#path = path;
    this.#cookies = cookies;
  }

  /** @throws UsageError where the file is there and cannot be read, or can be read by others. */
  static open(path: string): CookieFile {
    try {
      return new CookieFile(path, (readPrivate(path) ?? '').split('\n').flatMap(readLine));
    } catch (error) {
      throw new UsageError(`--cookie-jar ${path}: ${(error as Error).message}`);
    }
  }

  /** The `Cookie` header of a request, or an empty string. */
  header(url: URL): string {
    const now = Date.now() / 1000;
    return this.#cookies
      .filter(({ expires }) => expires === 0 || expires > now)
      .filter(({ domain, wide }) => url.hostname === domain || (wide && url.hostname.endsWith(`.${domain}`)))
      .filter(({ path }) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .filter(({ secure }) => !secure || url.protocol === 'https:')
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  store(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const cookie = readSetCookie(line, url);
      if (!cookie) continue;
      const isSame = (other: StoredCookie) =>
        other.name === cookie.name && other.domain === cookie.domain && other.path === cookie.path;
      this.#cookies = [...this.#cookies.filter((other) => !isSame(other)), cookie].filter(
        ({ expires }) => expires >= 0,
      );
    }
  }

  /** @throws UsageError where the file cannot be written. */
  save(): void {
    const lines = this.#cookies.map(({ httpOnly, domain, wide, path, secure, expires, name, value }) =>
      [
        (httpOnly ? HTTP_ONLY : '') + (wide ? '.' : '') + domain,
        yes(wide),
        path,
        yes(secure),
        expires,
        name,
        value,
      ].join('\t'),
    );
    try {
      writePrivate(this.#path, `${HEAD}${lines.join('\n')}\n`);
    } catch (error) {
      throw new UsageError(`--cookie-jar ${this.#path}: ${(error as Error).message}`);
    }
  }
}

function yes(is: boolean): string {
  return is ? 'TRUE' : 'FALSE';
}

function readLine(line: string): StoredCookie[] {
  const httpOnly = line.startsWith(HTTP_ONLY);
  const [domain, wide, path, secure, expires, name, value] = line.slice(httpOnly ? HTTP_ONLY.length : 0).split('\t');
  if (domain === undefined || domain.startsWith('#') || path === undefined || name === undefined) return [];
  return [
    {
      domain: domain.replace(/^\./, ''),
      wide: wide === 'TRUE',
      path,
      secure: secure === 'TRUE',
      expires: Number(expires) || 0,
      name,
      value: value ?? '',
      httpOnly,
    },
  ];
}

/** RFC 6265 §5.2 and §5.3; what is deleted has `expires` -1. */
function readSetCookie(line: string, url: URL): StoredCookie | undefined {
  const [pair = '', ...rest] = line.split(';');
  const at = pair.indexOf('=');
  const name = pair.slice(0, Math.max(at, 0)).trim();
  // A tab would end the field in the file, and a line break the line.
  if (!name || /[\t\r\n]/.test(pair)) return undefined;
  const attributes = new Map(
    rest.map((each): [string, string] => {
      const [key = '', ...value] = each.split('=');
      return [key.trim().toLowerCase(), value.join('=').trim()];
    }),
  );
  const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase();
  if (domain && !mayCover(domain, url.hostname)) return undefined;
  const path = attributes.get('path');
  return {
    domain: domain || url.hostname,
    wide: !!domain && domain.includes('.') && isIP(domain) === 0,
    path: path?.startsWith('/') ? path : url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/',
    secure: attributes.has('secure'),
    expires: readExpiry(attributes),
    name,
    value: pair.slice(at + 1).trim(),
    httpOnly: attributes.has('httponly'),
  };
}

/** Domains of which nobody is the owner: `com`, `co.uk`. */
const PUBLIC_SUFFIX = /^([^.]+|(ac|co|com|edu|gob|gov|ltd|mil|ne|net|nom|or|org|plc)\.[a-z]{2})$/;

/**
 * Whether a host may set a cookie for a domain (RFC 6265 §5.3): for itself, or for one above it that is not everybody's.
 * Without the list of public suffixes, which is too large to be installed with a server, the usual forms of them are known.
 */
function mayCover(domain: string, host: string): boolean {
  if (domain === host) return true;
  if (!host.endsWith(`.${domain}`) || isIP(host) !== 0 || host.startsWith('[')) return false;
  return !PUBLIC_SUFFIX.test(domain);
}

function readExpiry(attributes: ReadonlyMap<string, string>): number {
  const maxAge = attributes.get('max-age');
  const now = Date.now();
  const until =
    maxAge !== undefined && /^-?\d+$/.test(maxAge)
      ? now + Number(maxAge) * 1000
      : Date.parse(attributes.get('expires') ?? '');
  if (Number.isNaN(until)) return 0;
  return until <= now ? -1 : Math.ceil(until / 1000);
}
