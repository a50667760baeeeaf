import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodyReader } from '../request/body-reader.js';
import type { DefaultSession } from '../keys/default-session.js';

/** The functions that a platform calls for a request. */
export interface RequestHooks {
  /** For each request, once its session store is known. */
  readonly watch: (request: object) => void;
  /** For each request that has its session, if sessions replace themselves. May be called again for the same request. */
  readonly watchSession: (request: object) => unknown;
  /**
   * For each request, before any other code has it, with its path as the platform has it; returns whether it was
   * rejected.
   */
  readonly hold: (request: IncomingMessage, response: ServerResponse, path: string) => boolean;
  /** Rejects a sealed request under a sealed path that cannot be opened before its handler. */
  readonly refuseUnread: (request: IncomingMessage, response: ServerResponse) => void;
  /** Opens a request under a sealed path. A refusal is settled, and reaches no handler. */
  readonly enterHeld: (request: object, response: object) => Promise<void>;
  /**
   * If the platform parses bodies itself: opens a sealed request before its route is known. Returns a promise only if
   * there is something to open.
   */
  readonly enter: (request: object, response: object) => Promise<void> | undefined;
  /** The same: checks the body of a sealed request that the platform has parsed. */
  readonly check: (request: object) => void;
  /** The same: the platform has read more of a sealed request's body than the limit allows. */
  readonly refuseLarge: (request: object, response: object) => void;
  /** In an application with encrypted fields: the JSON value to send in place of a response's value. */
  readonly sealFields?: ((request: object, value: unknown) => unknown) | undefined;
  /** The limit of bodies, in bytes. */
  readonly maxBodySize: number;
  /** Whether channels are found without a session. */
  readonly isCookieless: boolean;
}

/** What the module needs from an HTTP platform. */
export interface Platform {
  /** Whether the application has a session middleware of its own, as far as can be seen at start. */
  readonly hasOwnSession: () => boolean;
  /** Whether the platform takes a session that a module applies, such as `consumer.apply(session(…))`. */
  readonly takesModuleSessions: boolean;
  /** Stops the start if requests would have no session for channels, as far as the platform can tell. */
  readonly requireSession: () => void;
  /** Installs the body reader, and a session if the application has none, before any route. */
  readonly install: (reader: BodyReader, session: DefaultSession | undefined, hooks: RequestHooks) => Promise<void>;
  /** Gives a request the body that it would have if these bytes had arrived plain. */
  readonly putBody: (request: object, response: object, body: Buffer) => Promise<void>;
  /** The same for a body in frames: the request is already a stream of its plaintext. */
  readonly putStream: (request: object, response: object) => Promise<void>;
  /** Gives an upgrade request the session that other requests get, without saving or prolonging it. */
  readonly readSession: (request: IncomingMessage) => Promise<void>;
  /** Reads the session and the message of a request that the platform's router answers before any hook, if it does so. */
  readonly readUnrouted?: (request: IncomingMessage) => Promise<void>;
  /** Called for each sealed request and handshake before the platform gets it, if that makes it cheaper. */
  readonly preallocateProperties?: (request: IncomingMessage, response: ServerResponse) => void;
  /** The application's own query parser. */
  readonly parseQuery: (query: string) => unknown;
}
