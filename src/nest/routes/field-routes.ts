import { Inject, Injectable, Logger } from '@nestjs/common';
import { FIELDS_METADATA, type EncryptedFieldsOptions } from './encrypted-fields.decorator.js';
import { fieldTypes, hasFields, reachable, type FieldClass } from './field-types.js';
import { nameOf, PIPES, ROUTE_ARGUMENTS } from './nest-metadata.js';
import { RouteTable } from './route-table.js';

/** The classes that a route's body and its response may have. */
export interface RouteFields {
  readonly request: readonly BodyClass[];
  readonly response: readonly FieldClass[];
  /** Whether the request's body may have an encrypted member. */
  readonly takesFields: boolean;
  /** Whether a decorator of the application's own may give a handler such a member, perhaps of the body. */
  readonly mayTakeFields: boolean;
}

interface BodyClass {
  readonly type: FieldClass;
  /** The member of the body that it is the class of; `undefined` for the body itself. */
  readonly member: string | undefined;
  /** Whether a list of them is declared; `undefined` if nothing is. The search in bodies ignores it. */
  readonly isList: boolean | undefined;
}

/** A method of a controller, as far as its types are told from it. */
interface Handler {
  readonly owner: { readonly name: string };
  readonly name: string;
}

/** As Nest numbers the kinds of its handlers' parameters. */
const BODY = 3;
const OTHERS: ReadonlyMap<number, string> = new Map([
  [4, '@Query()'],
  [5, '@Param()'],
  [6, '@Headers()'],
]);

interface Parameter {
  readonly kind: number;
  readonly types: readonly FieldClass[];
  readonly isList: boolean | undefined;
  /** `@Body('name')`: the parameter is a member of the body. */
  readonly member: string | undefined;
}

/** Reads off the types of handlers which single fields a route has (PROTOCOL §10). */
@Injectable()
export class FieldRoutes {
  readonly #known = new Map<unknown, Map<string, RouteFields>>();

  constructor(@Inject(RouteTable) private readonly table: RouteTable) {}

  of({ owner, name }: Handler): RouteFields {
    const ofOwner = this.#known.get(owner) ?? new Map<string, RouteFields>();
    this.#known.set(owner, ofOwner);
    const known = ofOwner.get(name) ?? readFields(owner as FieldClass, name);
    ofOwner.set(name, known);
    return known;
  }

  /**
   * Stops the start where a field could never be opened.
   *
   * @throws Error that names the handler and says what to do.
   */
  check(): void {
    const types = fieldTypes();
    if (!types) return;
    const reached = new Set<FieldClass>();
    for (const method of this.table.methods) {
      if (!method.isRoute) continue;
      for (const { kind, types: classes } of parametersOf(method.owner, method.name)) {
        const place = OTHERS.get(kind);
        if (place && classes.some(hasFields)) throw new Error(misplaced(nameOf(method), place));
      }
      const { request, response } = this.of(method);
      const { sealing } = method;
      if (sealing.request && !sealing.response && response.some(hasFields)) throw new Error(unsealed(nameOf(method)));
      for (const type of [...request.map(({ type }) => type), ...response].flatMap((each) => [...reachable(each)])) {
        reached.add(type);
      }
    }
    const unreached = types
      .classes()
      .filter((type) => !reached.has(type) && ![...reached].some((each) => each.prototype instanceof type));
    if (unreached.length === 0) return;
    const untyped = [...reached].flatMap((type) =>
      types.members(type).flatMap(({ name, isUntyped }) => (isUntyped ? [`${type.name}.${name}`] : [])),
    );
    new Logger('E2eModule').warn(unreachable(unreached, untyped));
  }
}

function readFields(owner: FieldClass, name: string): RouteFields {
  const declared = (Reflect.getMetadata(FIELDS_METADATA, (owner.prototype as Record<string, object>)[name]!) ??
    {}) as EncryptedFieldsOptions;
  const classesOf = (parameters: readonly Parameter[]): BodyClass[] =>
    parameters.flatMap(({ types, member, isList }) => types.map((type) => ({ type, member, isList })));
  const parameters = parametersOf(owner, name);
  const bodies = parameters.filter(({ kind }) => kind === BODY);
  const body = classesOf(bodies);
  const whole = bodies.find(({ member }) => member === undefined);
  if (declared.request) body.push({ type: declared.request, member: undefined, isList: whole?.isList });
  // Nest numbers its own decorators alone. What createParamDecorator() made may read the body.
  const custom = classesOf(parameters.filter(({ kind }) => Number.isNaN(kind)));
  const returned = asClass(Reflect.getMetadata('design:returntype', owner.prototype as object, name));
  const response = [declared.response, returned].filter((each) => each !== undefined);
  const haveFields = (classes: readonly BodyClass[]): boolean => classes.some(({ type }) => hasFields(type));
  return {
    request: [...body, ...custom.map(({ type }) => ({ type, member: undefined, isList: false }))],
    response,
    takesFields: haveFields(body),
    mayTakeFields: haveFields(custom),
  };
}

function parametersOf(owner: FieldClass, name: string): Parameter[] {
  interface Argument {
    readonly index: number;
    readonly data?: unknown;
    readonly pipes?: readonly unknown[];
  }
  const declared = (Reflect.getMetadata(ROUTE_ARGUMENTS, owner, name) ?? {}) as Record<string, Argument>;
  const types = (Reflect.getMetadata('design:paramtypes', owner.prototype as object, name) ?? []) as unknown[];
  const handler = (owner.prototype as Record<string, object>)[name]!;
  const shared = [owner, handler].flatMap((each) => (Reflect.getMetadata(PIPES, each) ?? []) as unknown[]);
  return Object.entries(declared).map(([key, { index, data, pipes = [] }]) => ({
    kind: Number(key.split(':', 1)[0]),
    isList: types[index] === Array || (types[index] === Object ? undefined : false),
    types: [types[index], ...[...pipes, ...shared].flatMap(itemsOf)].map(asClass).filter((each) => each !== undefined),
    member: typeof data === 'string' ? data : undefined,
  }));
}

/** `new ParseArrayPipe({ items })` and `new ValidationPipe({ expectedType })` name a class, too. */
function itemsOf(pipe: unknown): unknown[] {
  if (typeof pipe !== 'object' || pipe === null) return [];
  const { options, expectedType } = pipe as { options?: { items?: unknown }; expectedType?: unknown };
  return [options?.items, expectedType];
}

function asClass(type: unknown): FieldClass | undefined {
  const isClass =
    typeof type === 'function' && ![Object, Array, String, Number, Boolean, Promise].includes(type as never);
  return isClass ? (type as FieldClass) : undefined;
}

function misplaced(name: string, place: string): string {
  return (
    `E2eModule: the type of a ${place} parameter of ${name} has @EncryptedField(), which encrypts members of JSON bodies. ` +
    'Move the property into the body. A query travels sealed with the option sealQuery of the client.'
  );
}

function unsealed(name: string): string {
  return (
    `E2eModule: the response of ${name} has @EncryptedField(), but @Encrypted({ response: false }) has it leave in the ` +
    'clear. Remove `response: false`, or remove @Encrypted() and call the route with the option e2e.fields of the client.'
  );
}

function unreachable(classes: readonly FieldClass[], untyped: readonly string[]): string {
  return (
    `No route has these classes with @EncryptedField() in its body or as its declared response: ` +
    `${classes.map(({ name }) => name).join(', ')}. In a request their fields would not be opened. ` +
    (untyped.length > 0 ? `Add @Type() to the properties that have them, perhaps ${untyped.join(', ')}. ` : '') +
    'If a handler only returns them, name the class in @EncryptedFields({ response }).'
  );
}
