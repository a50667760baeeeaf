/**
 * The cookies of one origin (RFC 6265), for platforms whose `fetch` keeps none. It supports what a session needs: name,
 * value, `Path`, `Domain`, `Max-Age`, `Expires`, and deletion. `Secure` and `SameSite` do not matter here: cookies are
 * sent only to the origin that set them. They are kept in memory.
 */
interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** Who keeps the session's cookie. */
export interface CookieFacts {
  /** Whether the platform does, for all its tabs and workers together. */
  readonly sharesCookies: boolean;
  /** The cookies that the client keeps otherwise. */
  readonly jar: CookieJar | undefined;
}

export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  /** The name of the last cookie that was rejected because its `Domain` is not the server's. */
  refused: string | undefined;

  /** Takes over the `Set-Cookie` headers of a response to `url`. */
  store(url: URL, headers: Headers): void {
    for (const line of readSetCookie(headers)) {
      const cookie = parseSetCookie(line, url);
      if (cookie === 'foreign') this.refused = line.slice(0, line.indexOf('=')).trim();
      if (!cookie || cookie === 'foreign') continue;
      const key = `${cookie.path};${cookie.name}`;
      if (cookie.expires > Date.now()) this.#cookies.set(key, cookie);
      else this.#cookies.delete(key);
    }
  }

  /** Adds them to the headers of a request to `url`. */
  addTo(headers: Headers, url: URL): void {
    const cookies = [headers.get('cookie'), this.header(url)].filter(Boolean).join('; ');
    if (cookies) headers.set('cookie', cookies);
  }

  /** The `Cookie` header of a request to `url`, longest path first (RFC 6265 §5.4), or an empty string. */
  header(url: URL): string {
    return this.#for(url)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  names(url: URL): string[] {
    return this.#for(url).map(({ name }) => name);
  }

  #for(url: URL): Cookie[] {
    return [...this.#cookies.values()]
      .filter(({ path, expires }) => expires > Date.now() && isUnder(url.pathname, path))
      .sort((a, b) => b.path.length - a.path.length);
  }
}

/**
 * The `Set-Cookie` lines. If `Headers` has no `getSetCookie()` (as in node-fetch), they are joined by commas:
 * a comma before `name=` begins the next one, one in a date does not.
 */
function readSetCookie(headers: Headers): string[] {
  if ('getSetCookie' in headers) return headers.getSetCookie();
  return (headers as Headers).get('set-cookie')?.split(/,(?=\s*[^\s;,=]+=)/) ?? [];
}

function parseSetCookie(line: string, url: URL): Cookie | 'foreign' | undefined {
  const [pair = '', ...attributes] = line.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals).trim();
  if (equals < 0 || !name) return undefined;

  let path = url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/'; // RFC 6265 §5.1.4
  let expires = Infinity;
  let maxAge: number | undefined;
  for (const attribute of attributes) {
    const [key = '', ...rest] = attribute.split('=');
    const value = rest.join('=').trim();
    switch (key.trim().toLowerCase()) {
      case 'path':
        if (value.startsWith('/')) path = value;
        break;
      case 'domain': {
        const domain = value.replace(/^\./, '').toLowerCase();
        if (domain && url.hostname !== domain && !url.hostname.endsWith(`.${domain}`)) return 'foreign';
        break;
      }
      case 'max-age':
        if (/^-?\d+$/.test(value)) maxAge = Number(value);
        break;
      case 'expires':
        expires = Number.isNaN(Date.parse(value)) ? expires : Date.parse(value);
    }
  }
  if (maxAge !== undefined) expires = Date.now() + maxAge * 1000; // it precedes Expires (RFC 6265 §5.3)
  return { name, value: pair.slice(equals + 1).trim(), path, expires };
}

/** RFC 6265 §5.1.4. */
function isUnder(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}
