import { normalize, posix } from 'node:path';
import { parse } from 'node:url';

type Reader = (target: string) => string | null;

// eslint-disable-next-line @typescript-eslint/no-deprecated -- Express, and much else, reads targets by it
const olderParse: (target: string, query?: false, hasHosts?: true) => { pathname: string | null } = parse;
const pathOf = (target: string): string => target.split('?', 1)[0]!;
const urlOf = (target: string): URL => new URL(target, 'http://host');

/** How libraries, and applications by themselves, come from a request's target to the path that they look at. */
const READERS: Readonly<Record<string, Reader>> = {
  'as it stands': pathOf,
  'a URL parser': (target) => urlOf(target).pathname,
  'a URL parser, decoded': (target) => decodeURIComponent(urlOf(target).pathname),
  'a URL parser, decoded and resolved': (target) => posix.normalize(decodeURIComponent(urlOf(target).pathname)),
  'decoded, then a URL parser': (target) => urlOf(decodeURI(pathOf(target))).pathname,
  'wholly decoded, then a URL parser': (target) => urlOf(decodeURIComponent(pathOf(target))).pathname,
  "Node's older parser": (target) => olderParse(target).pathname,
  "Node's older parser, with hosts": (target) => olderParse(target, false, true).pathname,
  "a file server by Node's older parser": (target) =>
    normalize(`./${decodeURIComponent(olderParse(target).pathname ?? '')}`),
  'a file server': (target) => normalize(`.${decodeURIComponent(pathOf(target))}`),
  'resolved only': (target) => posix.normalize(pathOf(target)),
  'resolved, then decoded': (target) => decodeURIComponent(posix.normalize(pathOf(target))),
  'decoded twice': (target) => posix.normalize(decodeURIComponent(decodeURIComponent(pathOf(target)))),
  'without parameters': (target) => posix.normalize(pathOf(target).replace(/;[^/]*/g, '')),
  'decoded, without parameters': (target) => posix.normalize(decodeURIComponent(pathOf(target)).replace(/;[^/]*/g, '')),
  'what is behind a host, up to the first slash': (target) => pathOf(target.replace(/^https?:\/\/.*?\//, '/')),
};

/** Each way to read it that leads under this path. */
export function readersOf(target: string, path: string): string[] {
  return readings.filter((name) => `/${segmentsOf(READERS[name]!, target).join('/')}/`.startsWith(`${path}/`));
}

export const readings = Object.keys(READERS);

function segmentsOf(read: Reader, target: string): string[] {
  try {
    return (read(target) ?? '')
      .toLowerCase()
      .split('/')
      .filter((each) => each !== '' && each !== '.');
  } catch {
    return [];
  }
}
