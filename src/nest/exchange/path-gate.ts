import { HttpException, Inject, Injectable, Logger } from '@nestjs/common';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { JSON_MEDIA_TYPE } from '../../protocol/media-type.js';
import { E2eProblem } from '../../protocol/problem.js';
import { rawRequest, stateOf } from '../request/exchange-state.js';
import { lingerOnceAnswered } from '../request/linger.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { interceptEvent, type Upgrade } from '../request/server-events.js';
import { GatewayTable } from '../routes/gateway-table.js';
import { SealedPaths } from '../routes/sealed-paths.js';
import { HEAD_REFUSED, NO_STORE } from './constant-answers.js';
import { Exchange } from './exchange.js';
import { isSealed } from './incoming.js';
import { SocketAdmission } from './socket-admission.js';

/** A path without a handler. */
const NOWHERE = '/e2e-turned-away';

const NO_SESSION =
  'A request under a sealed path was rejected, because its session was not found before the middleware there. ' +
  'With session: false, pass express-session\'s middleware itself to app.use(), or name the function around it "session".';

/**
 * Guards paths that accept only sealed requests: those of the option `sealedPaths`, and those of sealed gateways. A
 * request that is rejected here reaches no handler under its path. Middleware of the whole application, such as CORS,
 * still runs for it, and then the platform finds no route.
 */
@Injectable()
export class PathGate {
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));

  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(GatewayTable) private readonly gateways: GatewayTable,
    @Inject(SealedPaths) private readonly paths: SealedPaths,
    @Inject(SocketAdmission) private readonly sockets: SocketAdmission,
  ) {}

  /**
   * Runs before any other code gets the request. Called with each path that the request has: rewriting and mounting
   * change it.
   *
   * @returns whether it was rejected by this call, because outside the server its route may already be chosen.
   */
  hold(raw: IncomingMessage, response: ServerResponse, target: string): boolean {
    const state = stateOf(raw);
    // The request of an accepted socket also passes here if its library hands it to the platform.
    if (state.isSealedPath || state.message) return false;
    if (this.paths.covers(target)) state.isSealedPath = true;
    // The path of a sealed gateway serves only its sockets (PROTOCOL §7).
    if (!(state.isSealedPath || this.gateways.takes(target)) || isSealed(raw)) return false;
    if (raw.method === 'HEAD') this.exchange.settle(raw, response, HEAD_REFUSED);
    else if (!isPreflight(raw)) this.exchange.refuse(raw, response, new E2eProblem('message-required'));
    lingerOnceAnswered(raw, response);
    turnAway(raw);
    return true;
  }

  /** Rejects a sealed request under a sealed path that cannot be opened before its handler. */
  refuseUnread(raw: IncomingMessage, response: ServerResponse): void {
    this.#log.say('error', NO_SESSION);
    this.exchange.refuse(raw, response, new E2eProblem('busy'));
    lingerOnceAnswered(raw, response);
    turnAway(raw);
  }

  /** Seals or rejects a server's upgrades under a sealed path. Other listeners do not get them. */
  holdUpgrades(server: Pick<Server, 'emit'>): void {
    if (this.paths.list.length === 0) return;
    const passOn = interceptEvent<Upgrade>(server, 'upgrade', (request, socket, head) => {
      if (!this.paths.covers(request.url ?? '')) return true;
      this.sockets.enter(request, socket, head, passOn);
      return false;
    });
  }

  /** Opens a request under a sealed path if the platform would not send a refusal itself. */
  async enter(request: object, response: object): Promise<void> {
    const raw = rawRequest(request);
    const state = stateOf(raw);
    if (!state.isSealedPath || state.message || state.settled) return;
    try {
      await this.exchange.enterUnrouted(request, response);
    } catch (error) {
      if (!(error instanceof HttpException)) throw error;
      this.#settleAs(error, request, response);
      turnAway(raw);
    }
  }

  /** A rejected message settles its own response. Its content may be rejected, too. */
  #settleAs(error: HttpException, request: object, response: object): void {
    if (stateOf(rawRequest(request)).settled) return;
    const headers = { 'Content-Type': JSON_MEDIA_TYPE, ...NO_STORE };
    const body = JSON.stringify(error.getResponse());
    this.exchange.settle(request, response, { status: error.getStatus(), headers, body });
  }
}

function turnAway(raw: IncomingMessage & { originalUrl?: string }): void {
  raw.originalUrl ??= raw.url ?? '';
  raw.url = NOWHERE;
}

/** Whether it is a CORS preflight (Fetch standard): it has no content, and gets none. */
function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
