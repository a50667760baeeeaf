/** What is used of a Fastify request that has a session of `@fastify/session`. */
interface FastifyRequest {
  readonly server?: { decryptSession?(cookie: string, request: object, done: () => void): void };
  readonly session?: { readonly encryptedSessionId?: string } | null;
  /** Decoded, by name. */
  readonly cookies?: Record<string, string | undefined>;
}

/**
 * Gives a Fastify request a new session, and leaves the session that it has unchanged. The request no longer has the old
 * session's cookie: otherwise the plugin would clear that cookie in the response that sets the new one.
 *
 * @returns whether this is a request of Fastify's, with its plugin `@fastify/session`.
 */
export function beginFastifySession(request: object): boolean {
  const { server, session, cookies } = request as FastifyRequest;
  if (!server?.decryptSession) return false;
  const value = session?.encryptedSessionId;
  if (value && cookies) {
    for (const name of Object.keys(cookies)) if (cookies[name]?.endsWith(value)) delete cookies[name];
  }
  // A cookie that does not verify gets a new session, at once.
  server.decryptSession('', request, () => undefined);
  return true;
}
