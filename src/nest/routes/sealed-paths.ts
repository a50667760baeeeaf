import { Inject, Injectable } from '@nestjs/common';
import { E2E_OPTIONS, type E2eOptions } from '../options/e2e.options.js';

/** How often what is encoded may be encoded once more. What is still encoded after that is taken for covered. */
const MAX_DECODINGS = 4;

/** What stands before the path in a target that is a whole URL, as proxies write it. */
const ORIGIN = /^https?:\/\/[\w.:[\]-]+(?=\/(?![/\\]))/i;

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
  readonly #prefixes: readonly (readonly string[])[];

  constructor(@Inject(E2E_OPTIONS) { sealedPaths = [] }: E2eOptions) {
    this.list = sealedPaths;
    this.#prefixes = sealedPaths.map((path) => partsOf(folded(path)));
  }

  /** @param target a request target, or the path of a route with its parameters. */
  covers(target: string): boolean {
    if (this.#prefixes.length === 0) return false;
    const path = target.replace(ORIGIN, '');
    // Nobody asks for anything else but to be misread: a URL parser resolves it against whatever base it was given.
    if (!path.startsWith('/')) return path !== '' && path !== '*';
    // Cut before it is decoded: what is encoded in a path does not end it for all who read it.
    let read = path.split('?', 1)[0]!;
    for (let decodings = 0; ; decodings++) {
      if (this.#leadsUnder(folded(read))) return true;
      const decoded = decode(read);
      if (decoded === read) return false;
      if (decodings === MAX_DECODINGS) return true;
      read = decoded;
    }
  }

  #leadsUnder(path: string): boolean {
    // Which segments are left by `..` depends on what is a segment and when it is decoded: any of them may be.
    if (partsOf(path).includes('..')) return this.#mentions(path);
    const segments = segmentsOf(path);
    // Some take what follows two slashes for the name of a host.
    return this.#isUnder(segments) || (/^[/\\]{2}/.test(path) && this.#isUnder(segments.slice(1)));
  }

  #isUnder(segments: readonly string[]): boolean {
    return this.#prefixes.some((prefix) => prefix.every((part, index) => part === segments[index]));
  }

  /** Whether the segments of one of the paths stand there in their order, whatever stands between them. */
  #mentions(path: string): boolean {
    const parts = partsOf(path);
    return this.#prefixes.some((prefix) => {
      let found = 0;
      for (const part of parts) if (part === prefix[found]) found++;
      return found >= prefix.length;
    });
  }
}

/** Compatibility forms, such as the long s and the sign for Kelvin, count as the letters that some compare them to. */
function folded(path: string): string {
  // A URL parser drops some of what does not print, wherever it stands, and trims the rest.
  return path
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\0-\x20]/g, '');
}

/** Between all that separates anything for anybody. */
function partsOf(path: string): string[] {
  return path.split(/[/\\?#;]+/).filter((part) => part !== '' && part !== '.');
}

/** Without parameters, and without those that are empty. */
function segmentsOf(path: string): string[] {
  const segments = path.split(/[/\\]/).map((segment) => segment.split(/[;?#]/, 1)[0]!);
  return segments.filter((segment) => segment !== '' && segment !== '.');
}

/** Whatever is encoded, as bytes of UTF-8; what is not stays as it is. */
function decode(path: string): string {
  return path.replace(/(?:%[\da-f]{2})+/gi, (encoded) => Buffer.from(encoded.replaceAll('%', ''), 'hex').toString());
}
