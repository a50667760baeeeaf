import { Inject, Injectable, Logger } from '@nestjs/common';
import type { SessionOptions } from 'express-session';
import { nodeEngine } from '../../crypto/node.js';
import type { SessionStore } from '../../channel/store/records.js';
import { MemorySessions } from './memory-sessions.js';
import { cookielessSession, type HttpSession } from './session.js';
import { E2E_OPTIONS, type E2eOptions } from '../options/e2e.options.js';

const COOKIE_NAME = 'e2e.sid';
const MAX_SESSIONS = 50_000;

/**
 * The module's own session, for applications without one: the completed express-session options, with a limited
 * in-memory store unless the options have one.
 */
@Injectable()
export class DefaultSession {
  /** Whether the application has its own session, or wants none, and so never gets this one. */
  readonly isOff: boolean;
  /** Whether it is `session: 'channel'`, which has no cookies. */
  readonly isCookieless: boolean;
  readonly #cookieless: HttpSession | undefined;
  readonly #given: Partial<SessionOptions>;
  readonly #memory: MemorySessions | undefined;

  constructor(@Inject(E2E_OPTIONS) { session: given, channelStore }: E2eOptions) {
    this.isOff = given === false || given === 'channel';
    this.isCookieless = given === 'channel';
    this.#given = typeof given === 'object' ? withoutUndefined(given) : channelStore ? { store: channelStore } : {};
    if (given === false) return;
    if (!this.#given.store) {
      this.#memory = new MemorySessions(MAX_SESSIONS);
    }
    if (this.isCookieless) this.#cookieless = cookielessSession((this.#given.store ?? this.#memory) as SessionStore);
  }

  /**
   * Without cookies: the substitute for every request's session. A method, because printing this object must not show
   * the store's password.
   */
  cookieless(): HttpSession | undefined {
    return this.#cookieless;
  }

  /** Whether this is the store in memory, which no other process sees. */
  owns(store: SessionStore | undefined): boolean {
    return store !== undefined && store === (this.#memory as unknown);
  }

  /** The name of the cookie of a session in this store; `undefined` if the session is the application's own. */
  cookieNameFor(store: SessionStore): string | undefined {
    if (this.isOff || (store !== (this.#memory as unknown) && store !== (this.#given.store as unknown))) {
      return undefined;
    }
    return this.completeOptions().name;
  }

  /** Whether the options have a store. */
  get hasForeignStore(): boolean {
    return this.#given.store !== undefined;
  }

  /** The completed options. A method, because they have the secret, and printing an object runs its getters. */
  completeOptions(): SessionOptions & { readonly name: string } {
    return {
      name: COOKIE_NAME,
      secret: nodeEngine.encodeBase64url(nodeEngine.randomBytes(32)),
      resave: false,
      saveUninitialized: false,
      store: this.#memory,
      ...this.#given,
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto', path: '/', ...(this.#given.cookie as object) },
    };
  }

  /** Logs what to configure if a production server keeps sessions in memory. */
  warn(): void {
    if (process.env.NODE_ENV !== 'production' || !this.#memory) return;
    new Logger('E2eModule').warn(
      'Sessions and channels are kept in the memory of this process: they end with it, and other servers do not see ' +
        'them. For production give E2eModule.forRoot({ session: { store, secret }, secret }) or an app.use(session(...)) ' +
        "of your own, with a shared store; with session: 'channel', { channelStore, secret }.",
    );
  }
}

/**
 * Without `undefined` members, which would replace the default: for example, a store that only some deployments have.
 */
function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
