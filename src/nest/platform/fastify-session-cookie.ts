import type { IncomingMessage } from 'node:http';
import { rawRequest } from '../request/exchange-state.js';
import { onRequestHook } from './fastify-internals.js';

/** What is used of a Fastify request that has a session of `@fastify/session`. */
interface WithSession {
  readonly server: object;
  readonly session?: { readonly encryptedSessionId?: string } | null;
  /** Decoded, by name. */
  readonly cookies?: Record<string, string | undefined>;
}

/** The hook of `@fastify/session` that reads the cookie. */
const SESSION_HOOK = 'handleSession';

/** By the instance whose plugin it is. */
const NAMES = new WeakMap<object, string>();

/**
 * Keeps the response from clearing the cookie of a session that has ended. `@fastify/session` clears it, but the browser may
 * have the next session's cookie under that name by then: a login ran while the request was on its way. As with
 * express-session, the cookie stays. The plugin clears only a cookie that the request has, so the request loses it.
 */
export function hideEndedCookie(request: object): void {
  const { session, cookies } = request as WithSession;
  const value = session?.encryptedSessionId;
  if (!value || !cookies) return;
  const name = cookieName((request as WithSession).server, request);
  const sent = name === undefined ? undefined : cookies[name];
  if (name !== undefined && sent !== undefined && !sent.endsWith(value)) delete cookies[name];
}

/** How many cookies are tried if it is not known which one is the session's: each costs a session, or a read of its store. */
const MAX_TRIED = 4;

/**
 * The values of these cookies that may be the session's: of its own cookie alone, if that is known.
 *
 * @param request one that has not passed any hook.
 */
export function sessionValues(server: object, request: IncomingMessage, cookies: Record<string, string>): string[] {
  const name = cookieName(server, request);
  if (name !== undefined) return [cookies[name] ?? ''];
  // A signed value has a point before its signature.
  const signed = Object.values(cookies).filter((value) => value.includes('.'));
  return ['', ...signed.slice(0, MAX_TRIED)];
}

/**
 * The name of the session's cookie, which the plugin does not expose. Requests do not reveal it, because clients may
 * send a session's value under any name. So the plugin's hook gets a request without cookies, and we see which one it
 * reads.
 *
 * @param request Fastify's or Node's. Outside the path of the session's cookie, the plugin reads none.
 */
function cookieName(server: object, request: object): string | undefined {
  const known = NAMES.get(server);
  if (known !== undefined) return known;
  const read: string[] = [];
  const cookies = new Proxy({}, { get: (_, name) => void read.push(String(name)) });
  // The session that the hook makes stays with this stand-in, and is not stored.
  const standIn = Object.create(request, {
    raw: { value: rawRequest(request) },
    cookies: { value: cookies },
    session: { value: null, writable: true },
  }) as object;
  onRequestHook(server, SESSION_HOOK)?.(standIn, undefined, () => undefined);
  const [name] = read;
  if (name !== undefined) NAMES.set(server, name);
  return name;
}
