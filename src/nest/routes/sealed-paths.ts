import { Inject, Injectable } from '@nestjs/common';
import { E2E_OPTIONS, type E2eOptions } from '../options/e2e.options.js';

/** How often what is encoded may be encoded once more. What is still encoded after that is taken for covered. */
const MAX_DECODINGS = 4;

/**
 * The option `sealedPaths`: everything under these paths is sealed, no matter what is mounted there.
 *
 * Who answers decides how a path is read: Express ignores case and slashes at the end, Fastify decodes it, file servers
 * resolve its dots, a URL parser turns backslashes. So a request is covered where any way to read its target leads
 * under one of the paths: at worst, a plain request is refused that nobody would have answered.
 */
@Injectable()
export class SealedPaths {
  /** As they were configured. */
  readonly list: readonly string[];
  readonly #prefixes: readonly string[];

  constructor(@Inject(E2E_OPTIONS) { sealedPaths = [] }: E2eOptions) {
    this.list = sealedPaths;
    this.#prefixes = sealedPaths.map((path) => `${path.toLowerCase()}/`);
  }

  /** @param target a request target, or the path of a route with its parameters. */
  covers(target: string): boolean {
    if (this.#prefixes.length === 0) return false;
    let path = target;
    for (let decodings = 0; ; decodings++) {
      if (readingsOf(path).some((reading) => this.#isUnder(reading))) return true;
      const decoded = decode(path);
      if (decoded === path) return false;
      if (decodings === MAX_DECODINGS) return true;
      path = decoded;
    }
  }

  #isUnder(path: string): boolean {
    return this.#prefixes.some((prefix) => path.startsWith(prefix));
  }
}

/** What a target may be read as, in lower case, with a slash at the end and no empty segments. */
function readingsOf(target: string): string[] {
  // Compatibility forms, such as the long s and the sign for Kelvin, count as the letters that some compare them to.
  const path = target.normalize('NFKC').toLowerCase().replaceAll('\\', '/').split(/[?#]/, 1)[0]!;
  const [, rest = path] = /^[a-z][a-z0-9+.-]*:\/\/[^/]*(.*)$/.exec(path) ?? [];
  const segments = rest
    .split('/')
    .map((segment) => segment.split(';', 1)[0]!)
    .filter((segment) => segment !== '');
  // Some take what follows two slashes for the name of a host.
  const readings = /^\/{2}/.test(rest) ? [segments, segments.slice(1)] : [segments];
  return readings.flatMap((each) => [joined(each), joined(resolved(each))]);
}

function resolved(segments: readonly string[]): string[] {
  const result: string[] = [];
  for (const segment of segments) {
    if (segment === '..') result.pop();
    else if (segment !== '.') result.push(segment);
  }
  return result;
}

function joined(segments: readonly string[]): string {
  return `/${[...segments, ''].join('/')}`;
}

/** Whatever is encoded, as bytes of UTF-8; what is not stays as it is. */
function decode(path: string): string {
  return path.replace(/(?:%[\da-f]{2})+/gi, (encoded) => Buffer.from(encoded.replaceAll('%', ''), 'hex').toString());
}
