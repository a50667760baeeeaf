import { Inject, Injectable, InternalServerErrorException, Logger, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { FieldCipher } from '../../channel/fields.js';
import { pointerTo } from '../../protocol/field.js';
import { isJson } from '../../protocol/media-type.js';
import { E2eProblem } from '../../protocol/problem.js';
import type { KeyService } from '../keys/key.service.js';
import { E2E_KEYS } from '../options/e2e.options.js';
import { rawRequest, stateOf, type MatchedRoute } from '../request/exchange-state.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import type { Sealing } from '../routes/encrypted.decorator.js';
import { FieldRoutes, type RouteFields } from '../routes/field-routes.js';
import { fieldTypes, findFields, type FoundField } from '../routes/field-types.js';
import { rejectUnsafeShape } from './body-shape.js';
import { Exchange } from './exchange.js';
import { sealFields } from './field-sealing.js';
import { hasBody } from './incoming.js';

/** Opens the single fields of a request before guards and pipes, and seals those of its response (PROTOCOL §10). */
@Injectable()
export class FieldExchange {
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));

  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(FieldRoutes) private readonly routes: FieldRoutes,
    @Inject(E2E_KEYS) private readonly keys: KeyService,
  ) {}

  /**
   * After the request's message was opened. Runs once for each route that the request reaches.
   *
   * @throws an exception for Nest. The response is already settled.
   */
  enter(context: ExecutionContext, { response: isAnswerWhole }: Sealing): void {
    const request: object = context.getArgByIndex(0);
    const raw = rawRequest(request);
    const { message, route } = stateOf(raw);
    const ticket = message?.header.fields;
    if (ticket === undefined && (message || !fieldTypes())) return;
    try {
      const fields = this.routes.of(route ?? { owner: context.getClass(), name: context.getHandler().name });
      if (!message) this.#refusePlain(request, fields, route);
      else this.#open(request, fields, message.fields(), ticket!, isAnswerWhole);
    } catch (error) {
      if (!(error instanceof E2eProblem)) throw error;
      throw this.exchange.refuse(request, context.getArgByIndex(1), error);
    }
  }

  /** `seal`, in an application that has encrypted fields. */
  get sealFields(): ((request: object, value: unknown) => unknown) | undefined {
    return fieldTypes() && ((request, value) => this.seal(request, value));
  }

  /**
   * What leaves as JSON in place of the application's value. Called for every response that a handler, a filter or
   * `response.json()` sends, in applications that have encrypted fields.
   *
   * @throws InternalServerErrorException if a field cannot be sealed.
   */
  seal(request: object, value: unknown): unknown {
    const raw = rawRequest(request);
    const { message, fields, route } = stateOf(raw);
    // Sealed whole, and so is every error.
    if (message && (!fields || fields.isAnswerWhole)) return value;
    const declared = route ? this.routes.of(route).response : [];
    let sealed = 0;
    const result = sealFields(value, declared, (path, member) => {
      if (!fields) throw new InternalServerErrorException(this.#withheld(raw, path));
      sealed++;
      // What JSON leaves out is nothing, which JSON has no other word for.
      const json = JSON.stringify(member) as string | undefined;
      return fields.cipher.seal(path, json ?? 'null');
    });
    if (fields) fields.sealed = sealed;
    return result;
  }

  /** A request without a message: it may not even reach a route that takes fields (PROTOCOL §10). */
  #refusePlain(request: object, fields: RouteFields, route: MatchedRoute | undefined): void {
    const isFree = !fields.takesFields && find((request as { body?: unknown }).body, fields).length === 0;
    if (isFree) return;
    this.#log.say(
      'warn',
      `A plain request to ${route?.owner.name}.${route?.name}() was rejected: its body has encrypted fields. Send it with ` +
        'client.fetch() and the option e2e.fields.',
    );
    throw new E2eProblem('message-required', { step: 'field' });
  }

  #open(request: object, fields: RouteFields, cipher: FieldCipher, count: number, isAnswerWhole: boolean): void {
    const state = stateOf(rawRequest(request));
    // Another route has opened them: it let the request through.
    if (state.fields) return;
    const { body } = request as { body?: unknown };
    if (fields.takesFields || count > 0) {
      if (!isParsedJson(rawRequest(request), body)) throw new E2eProblem('message-rejected', { step: 'field' });
    }
    const found = find(body, fields);
    for (const { container, name, path } of found) {
      const given = container[name];
      if (typeof given !== 'string' || given.split('.', 6).length !== 5) {
        this.#log.say('warn', `The field ${path} of a request was plain, and the request was rejected.`);
        throw new E2eProblem('message-required', { step: 'field' });
      }
      const opened = cipher.open(path, given);
      if (!opened) throw new E2eProblem('message-rejected', { step: 'field' });
      container[name] = opened.value;
    }
    if (found.length !== count) throw new E2eProblem('message-rejected', { step: 'field' });
    if (found.length > 0) rejectUnsafeShape(body, this.keys.options.maxBodyDepth);
    state.fields = { cipher, isAnswerWhole, sealed: 0 };
  }

  #withheld({ method, url }: IncomingMessage, path: string): string {
    const at = `${method} ${url?.split('?', 1)[0]}`;
    this.#log.say(
      'error',
      `The response to ${at} was replaced by an error: its field ${path} has @EncryptedField(), and the request came without ` +
        'a channel to seal it to. Call the route with client.fetch() and the option e2e.fields.',
    );
    return 'This response has an encrypted field, and the request came without a channel to seal it to.';
  }
}

/** Every encrypted member of the body, before any is opened: what is inside a field is not looked at. */
function find(body: unknown, { request }: RouteFields): FoundField[] {
  const found = new Map<string, FoundField>();
  for (const { type, member } of request) {
    const isInside = member === undefined || (isObject(body) && Object.hasOwn(body, member));
    if (!isInside) continue;
    const value = member === undefined ? body : (body as Record<string, unknown>)[member];
    const path = member === undefined ? '' : pointerTo('', member);
    for (const field of findFields(value, [type], path)) found.set(field.path, field);
  }
  return [...found.values()];
}

/** Only what was parsed from JSON by now: a form, or a body that is parsed later, would pass unopened. */
function isParsedJson(raw: IncomingMessage, body: unknown): boolean {
  const type = raw.headers['content-type'];
  if (type === undefined) return !hasBody(raw);
  return isJson(type) && (body !== undefined || !hasBody(raw));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
