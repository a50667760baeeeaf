import type { KeyKind, SigningJwk } from '../../protocol/jwk.js';
import type { Behaviour } from './behaviour.js';
import type { OpenCommand, Outcome, RequestCommand } from './driven-client.js';
import { CANARY, type RunnerServer } from './server.js';

/** What is wrong with an outcome; `undefined` if nothing is. */
export type Check = (outcome: Outcome, server: RunnerServer, variant: number) => string | undefined;

/** One row of the table: what the server does, what the client is to do, and what must come of it. */
export interface ClientCase {
  /** Of PROTOCOL. */
  readonly section: number;
  readonly name: string;
  /** Kinds of channel that it is tested on; X25519 by default. */
  readonly kinds?: readonly KeyKind[];
  readonly server: Behaviour;
  /** Thumbprints' keys that the client is to pin. */
  readonly pins?: readonly SigningJwk[];
  /** The requests. The outcome of the last one counts. A GET by default. */
  readonly requests?: readonly RequestCommand[];
  readonly expect: Check;
  /** How often it is run, with another `variant` each time. */
  readonly variants?: number;
  /** Whether the client must shake hands for this case, instead of using the channel of the case before. */
  readonly isFresh?: boolean;
  /** Whether the client's requests may break rules: if the server lied, they may be anything. */
  readonly allowsViolations?: boolean;
}

export const GET: RequestCommand = { method: 'GET', target: '/secret' };
export const KINDS: readonly KeyKind[] = ['RSA', 'P-256', 'X25519', 'MLKEM768-X25519'];

/** An error of one of these names, and nothing handed over. */
export function fails(...codes: string[]): Check {
  return (outcome) => {
    if (isShown(outcome)) return 'the client handed over what it must refuse';
    if (outcome.status !== undefined) return `the client handed over a response with status ${outcome.status}`;
    return codes.includes(outcome.error ?? '') ? undefined : `expected ${codes.join(' or ')}, got ${outcome.error}`;
  };
}

/** An error of this name in the middle of a body, of which the genuine start may have been handed over. */
export function breaks(code: string, genuine: string): Check {
  return ({ error, body }) => {
    if (error !== code) return `expected ${code}, got ${error ?? 'the end of a body'}`;
    return genuine.startsWith(body.toString()) ? undefined : 'the client handed over what the server did not send';
  };
}

/** A response with these facts. */
export function gives(facts: {
  readonly status?: number;
  readonly body?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}): Check {
  return (outcome) => {
    const { status = 200, body, type, headers = {} } = facts;
    if (outcome.error) return `expected a response, got ${outcome.error}`;
    if (outcome.status !== status) return `expected status ${status}, got ${outcome.status}`;
    if (body !== undefined && outcome.body.toString() !== body) return 'another body than the server sent';
    if (type !== undefined && outcome.type !== type) return `expected type ${type}, got ${outcome.type}`;
    for (const [name, value] of Object.entries(headers)) {
      const given = outcome.headers?.[name];
      if (given !== value) return `header ${name}: expected ${value ?? 'none'}, got ${given ?? 'none'}`;
    }
    return undefined;
  };
}

/** The server understood the request as these facts say, and the client gave what the server answered. */
export function understands(facts: Readonly<Record<string, unknown>>): Check {
  return (outcome, server) => {
    const got = server.exchanges.at(-1)?.facts;
    if (!got) return `no sealed request arrived (${outcome.error ?? outcome.status})`;
    for (const [name, value] of Object.entries(facts)) {
      const [wanted, given] = [JSON.stringify(value), JSON.stringify(got[name])];
      if (wanted !== given) return `${name}: expected ${wanted}, got ${given}`;
    }
    return gives({ body: JSON.stringify(got) })(outcome, server, 0);
  };
}

/** All of these. */
export function all(...checks: Check[]): Check {
  return (...given) => checks.reduce<string | undefined>((flaw, check) => flaw ?? check(...given), undefined);
}

/** So many sealed requests, and so many handshakes, came in. */
export function counts({ requests, handshakes }: { requests?: number; handshakes?: number }): Check {
  return (_, { exchanges, handshakes: made }) => {
    if (requests !== undefined && exchanges.length !== requests) {
      return `expected ${requests} sealed requests, got ${exchanges.length}`;
    }
    return handshakes === undefined || made === handshakes
      ? undefined
      : `expected ${handshakes} handshakes, got ${made}`;
  };
}

function isShown({ line, body }: Outcome): boolean {
  return line.includes(CANARY) || body.includes(CANARY);
}

export type { OpenCommand };
