import {
  BadRequestException,
  Inject,
  Injectable,
  InternalServerErrorException,
  Logger,
  type ExecutionContext,
} from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { FieldCipher } from '../../channel/fields.js';
import type { OpenedMessage } from '../../channel/message.js';
import { pointerTo, stepsOf } from '../../protocol/field.js';
import { isJson } from '../../protocol/media-type.js';
import { E2eProblem } from '../../protocol/problem.js';
import type { KeyService } from '../keys/key.service.js';
import { E2E_KEYS } from '../options/e2e.options.js';
import { rawRequest, stateOf, type MatchedRoute } from '../request/exchange-state.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import type { Sealing } from '../routes/encrypted.decorator.js';
import { FieldRoutes, type RouteFields } from '../routes/field-routes.js';
import { fieldTypes, findFields, hasFields, type FoundField } from '../routes/field-types.js';
import { rejectUnsafeShape, shapeFlaw } from './body-shape.js';
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
      else this.#open(request, fields, message, ticket!, isAnswerWhole);
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
   * The JSON value to send in place of the application's value. Called for every response that a handler, a filter or
   * `response.json()` sends, in applications that have encrypted fields.
   *
   * @throws InternalServerErrorException if a field cannot be sealed.
   */
  seal(request: object, value: unknown): unknown {
    const raw = rawRequest(request);
    const { message, fields, route, capture, hasFailed } = stateOf(raw);
    // Sealed as a whole, and so is every error, but not on a route with plain responses.
    if (message && (fields ? fields.isAnswerWhole || hasFailed : !capture?.released)) return value;
    const declared = route ? this.routes.of(route).response : [];
    let sealed = 0;
    const result = sealFields(value, declared, (path, member) => {
      if (!fields) throw new InternalServerErrorException(this.#withheld(route, path));
      sealed++;
      return fields.cipher.seal(path, jsonOf(member, path));
    });
    if (fields) fields.sealed = sealed;
    return result;
  }

  /** A request without a message must not reach a route with fields (PROTOCOL §10). */
  #refusePlain(request: object, fields: RouteFields, route: MatchedRoute | undefined): void {
    const { body } = request as { body?: unknown };
    const isTaken = fields.takesFields || (fields.mayTakeFields && hasBody(rawRequest(request)));
    if (!isTaken) {
      if (fields.request.length === 0) return;
      const flaw = shapeFlaw(body, this.keys.options.maxBodyDepth);
      if (flaw !== undefined) throw new BadRequestException(`The request was rejected: it has ${flaw}.`);
      const isFree = find(body, fields).length === 0;
      if (isFree) return;
    }
    this.#log.say(
      'warn',
      `A plain request to ${route?.owner.name}.${route?.name}() was rejected: its body has encrypted fields. Send it with ` +
        'client.fetch() and the option e2e.fields.',
    );
    throw new E2eProblem('message-required', { step: 'field' });
  }

  /** Another route may have opened fields and passed the request on. The rules of this route apply as well. */
  #open(request: object, route: RouteFields, message: OpenedMessage, count: number, isAnswerWhole: boolean): void {
    const raw = rawRequest(request);
    const { fields: earlier } = stateOf(raw);
    if (earlier?.route === route) return;
    const { body } = request as { body?: unknown };
    const mustBeJson = route.takesFields || count > 0 || (route.request.length > 0 && hasBody(raw));
    if (mustBeJson && !isParsedJson(raw, body)) throw new E2eProblem('message-rejected', { step: 'field' });
    // Before the search, because its cost grows with the depth.
    rejectUnsafeShape(body, this.keys.options.maxBodyDepth);
    if (hasText(body, route)) {
      this.#log.say('warn', 'A request had a string in place of an object with encrypted fields, and was rejected.');
      throw new E2eProblem('message-required', { step: 'field' });
    }
    const cipher = earlier?.cipher ?? message.fields();
    const opened = new Set(earlier?.opened);
    this.#openAll(body, route, cipher, opened);
    if (opened.size !== count) throw new E2eProblem('message-rejected', { step: 'field' });
    if (count > 0) rejectUnsafeShape(body, this.keys.options.maxBodyDepth);
    const isWhole = isAnswerWhole || earlier?.isAnswerWhole === true;
    stateOf(raw).fields = { cipher, route, opened, isAnswerWhole: isWhole, sealed: 0 };
  }

  /** Repeated after each opening, because an object's class may depend on a field next to it. */
  #openAll(body: unknown, route: RouteFields, cipher: FieldCipher, opened: Set<string>): void {
    const findNext = (): FoundField[] => find(body, route).filter(({ path }) => !isOpened(path, opened));
    for (let found = findNext(); found.length > 0; found = findNext()) {
      for (const { container, name, path } of found) {
        const given = container[name];
        if (typeof given !== 'string' || given.split('.', 6).length !== 5) {
          this.#log.say('warn', `The field "${name}" of a request was plain, and the request was rejected.`);
          throw new E2eProblem('message-required', { step: 'field' });
        }
        const field = cipher.open(path, given);
        if (!field) throw new E2eProblem('message-rejected', { step: 'field' });
        container[name] = field.value;
        opened.add(path);
      }
    }
  }

  /** The log names what the application declares, and nothing of the request. */
  #withheld(route: MatchedRoute | undefined, path: string): string {
    const by = route ? `${route.owner.name}.${route.name}()` : 'a filter';
    const name = path.slice(path.lastIndexOf('/') + 1);
    this.#log.say(
      'error',
      `The response of ${by} was replaced by an error: its field "${name}" has @EncryptedField(), and the request came without ` +
        'a channel to seal it to. Call the route with client.fetch() and the option e2e.fields.',
    );
    return 'This response has an encrypted field, and the request came without a channel to seal it to.';
  }
}

/** Written as a member, because a `toJSON` gets the member's name. Values that JSON leaves out are sealed as `null`. */
function jsonOf(value: unknown, path: string): string {
  const name = stepsOf(path).at(-1) ?? '';
  const json = JSON.stringify({ [name]: value });
  return json === '{}' ? 'null' : json.slice(JSON.stringify(name).length + 2, -1);
}

/** Every encrypted member of the body. Their content is not searched. */
function find(body: unknown, { request }: RouteFields): FoundField[] {
  const found = new Map<string, FoundField>();
  for (const { type, member } of request) {
    const path = member === undefined ? '' : pointerTo('', member);
    for (const field of findFields(valueOf(body, member), [type], path)) found.set(field.path, field);
  }
  return [...found.values()];
}

/** The value of a parameter: the body, or a member of it. */
function valueOf(body: unknown, member: string | undefined): unknown {
  if (member === undefined) return body;
  return isObject(body) && Object.hasOwn(body, member) ? (body as Record<string, unknown>)[member] : undefined;
}

/** Whether there is a string that a later pipe, such as `ParseArrayPipe`, would parse into an object with fields. */
function hasText(body: unknown, { request }: RouteFields): boolean {
  return request.some(({ type, member }) => hasFields(type) && isText(valueOf(body, member)));
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || (Array.isArray(value) && value.some(isText));
}

/** Whether it is an opened field, or inside one, even if another class declares it too. */
function isOpened(path: string, opened: ReadonlySet<string>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (opened.has(path.slice(0, end))) return true;
  }
  return false;
}

/** Only JSON that is parsed at this point: a form, a string, or a body that is parsed later would pass unopened. */
function isParsedJson(raw: IncomingMessage, body: unknown): boolean {
  const type = raw.headers['content-type'];
  if (type === undefined) return !hasBody(raw);
  return isJson(type) && ((isObject(body) && !ArrayBuffer.isView(body)) || !hasBody(raw));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
