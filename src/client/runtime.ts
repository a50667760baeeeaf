import { E2eClientError } from './errors.js';

/** What every call uses. The rest (streams, FormData, IndexedDB, locks) is checked where it is used. */
const NEEDED = ['Headers', 'Request', 'Response', 'TextEncoder'] as const;

/**
 * Checks that this runtime has what a call needs. It runs at the first call, because an application may import the
 * client in a runtime that never calls it (tests under jsdom, rendering on a server).
 *
 * @param fetch the caller's own function in place of the global one.
 * @throws E2eClientError `runtime-unsupported`, which names what is missing.
 */
export function checkRuntime(fetch: unknown = globalThis.fetch): void {
  const runtime = globalThis as Record<string, unknown>;
  const missing: string[] = NEEDED.filter((name) => typeof runtime[name] !== 'function');
  if (typeof fetch !== 'function') missing.push('fetch');
  if (!decodesStrictly()) missing.push('TextDecoder of UTF-8 with "fatal"');
  if (missing.length === 0) return;
  throw new E2eClientError(
    'runtime-unsupported',
    `This runtime does not have ${missing.join(', ')}. Load a polyfill before the first call.`,
  );
}

/** @throws E2eClientError `runtime-unsupported` if URL is missing, or cannot be changed (React Native's own). */
export function checkUrl(): void {
  try {
    const url = new URL('../b?c#d', 'http://a/e/f');
    url.hash = url.search = '';
    url.pathname += '/';
    if (url.href === 'http://a/b/') return;
  } catch {
    // Reported by the error below.
  }
  throw new E2eClientError(
    'runtime-unsupported',
    'This runtime does not have a complete URL class. Load a polyfill first; in React Native, react-native-url-polyfill/auto.',
  );
}

function decodesStrictly(): boolean {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).fatal;
  } catch {
    return false;
  }
}

/** Whether it is an instance of that class, which this runtime may not have. */
export function isA(name: 'Blob' | 'FormData' | 'ReadableStream', value: unknown): boolean {
  const type = (globalThis as Record<string, unknown>)[name];
  return typeof type === 'function' && value instanceof type;
}

/**
 * Whether this platform leaves cookies to its callers: browsers keep them, and drop a `Cookie` header that a script
 * sets (it is a forbidden request header); if the header stays, nothing else manages cookies.
 */
export function leavesCookiesToUs(base: URL): boolean {
  return 'getSetCookie' in Headers.prototype && new Request(base, { headers: { cookie: 'a=b' } }).headers.has('cookie');
}
