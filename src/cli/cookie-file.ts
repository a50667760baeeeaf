import { Cookie, CookieJar, type SerializedCookie } from 'tough-cookie';
import { readPrivate, writePrivate } from './private-file.js';
import { UsageError } from './terminal.js';

const HEAD = '# Netscape HTTP Cookie File\n# Anyone who has this file can use the session in it.\n\n';
const HTTP_ONLY = '#HttpOnly_';

/** Cookies in a file, in the format of curl's and wget's, readable only by its owner. It never contains keys. */
export class CookieFile {
  readonly #path: string;
  readonly #jar: CookieJar;

  private constructor(path: string, cookies: SerializedCookie[]) {
    this.#path = path;
    this.#jar = CookieJar.deserializeSync({ ...new CookieJar().toJSON()!, cookies });
  }

  /** @throws UsageError if the file exists and cannot be read, or can be read by others. */
  static open(path: string): CookieFile {
    try {
      return new CookieFile(path, (readPrivate(path) ?? '').split('\n').flatMap(readLine));
    } catch (error) {
      throw new UsageError(`--cookie-jar ${path}: ${(error as Error).message}`);
    }
  }

  /** The `Cookie` header of a request, or an empty string. */
  header(url: URL): string {
    return this.#jar.getCookieStringSync(url.href);
  }

  store(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      // A tab would end the field in the file, and a line break the line.
      if (!/[\t\r\n]/.test(line)) this.#jar.setCookieSync(line, url.href, { ignoreError: true });
    }
  }

  /** @throws UsageError if the file cannot be written. */
  save(): void {
    const now = Date.now();
    const cookies = this.#jar.toJSON()!.cookies.map((each) => Cookie.fromJSON(each)!);
    const lines = cookies.filter((cookie) => cookie.TTL(now) > 0).map(writeLine);
    try {
      writePrivate(this.#path, `${HEAD}${lines.join('\n')}\n`);
    } catch (error) {
      throw new UsageError(`--cookie-jar ${this.#path}: ${(error as Error).message}`);
    }
  }
}

function writeLine(cookie: Cookie): string {
  const expiry = cookie.expiryTime() ?? Infinity;
  const isWide = cookie.hostOnly === false;
  return [
    `${cookie.httpOnly ? HTTP_ONLY : ''}${isWide ? '.' : ''}${cookie.domain}`,
    yes(isWide),
    cookie.path,
    yes(cookie.secure),
    Number.isFinite(expiry) ? Math.ceil(expiry / 1000) : 0,
    cookie.key,
    cookie.value,
  ].join('\t');
}

function yes(is: boolean): string {
  return is ? 'TRUE' : 'FALSE';
}

function readLine(line: string): SerializedCookie[] {
  const httpOnly = line.startsWith(HTTP_ONLY);
  const [domain, wide, path, secure, expires, key, value] = line.slice(httpOnly ? HTTP_ONLY.length : 0).split('\t');
  if (domain === undefined || domain.startsWith('#') || path === undefined || key === undefined) return [];
  const seconds = Number(expires) || 0;
  return [
    {
      domain: domain.replace(/^\./, ''),
      hostOnly: wide !== 'TRUE',
      path,
      secure: secure === 'TRUE',
      ...(seconds > 0 && { expires: new Date(seconds * 1000).toISOString() }),
      key,
      value: value ?? '',
      httpOnly,
    },
  ];
}
