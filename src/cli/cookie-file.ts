import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

  /** @throws UsageError where the file is there and cannot be read. */
  static open(path: string): CookieFile {
    try {
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
      return new CookieFile(path, lines.flatMap(readLine));
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
      writeFileSync(this.#path, `${HEAD}${lines.join('\n')}\n`, { mode: 0o600 });
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
  if (domain && url.hostname !== domain && !url.hostname.endsWith(`.${domain}`)) return undefined;
  const path = attributes.get('path');
  return {
    domain: domain || url.hostname,
    wide: !!domain,
    path: path?.startsWith('/') ? path : url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/',
    secure: attributes.has('secure'),
    expires: readExpiry(attributes),
    name,
    value: pair.slice(at + 1).trim(),
    httpOnly: attributes.has('httponly'),
  };
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
