import type { SessionOptions } from 'express-session';

/** Rejects options that @fastify/session does not support, so that none is silently ignored. */
export function rejectUnsupported(options: SessionOptions): void {
  const { proxy, resave } = options;
  const genid = options.genid !== undefined;
  const lost = Object.entries({ genid, proxy, resave, unset: options.unset === 'destroy' }).find(([, value]) => value);
  if (!lost) return;
  const instead = lost[0] === 'proxy' ? 'Set the option trustProxy of FastifyAdapter instead' : 'Leave it out';
  throw new Error(
    `E2eModule: on Fastify the option "session" does not support "${lost[0]}". ${instead}, or register your own session.`,
  );
}

/** A session package, or an error that says what to install. */
export async function loadOptional<T>(plugin: Promise<T>): Promise<T> {
  try {
    return await plugin;
  } catch {
    throw new Error(
      'E2eModule: sessions on Fastify need two packages: npm install @fastify/cookie @fastify/session. Or register your own session and set session: false.',
    );
  }
}
