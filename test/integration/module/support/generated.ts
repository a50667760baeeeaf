import {
  All,
  Controller,
  Get,
  Post,
  RequestMethod,
  Scope,
  Version,
  VERSION_NEUTRAL,
  VersioningType,
  type INestApplication,
  type Type,
  type VersioningOptions,
} from '@nestjs/common';
import { ApplicationConfig, RouterModule } from '@nestjs/core';
import fc from 'fast-check';
import { Encrypted, Plain } from '../../../../src/index.js';
import type { PlatformName, Setup } from '../../e2e/support/apps.js';
import { moduleOf } from './nest.js';

// Applications as a generator makes them: controllers of every kind, whose handlers are not always the functions that
// carry the metadata. What each route is to be is worked out here from the description alone.

type Declaration = 'none' | 'sealed' | 'plain' | 'answer' | 'body';
interface Directions {
  readonly request: boolean;
  readonly response: boolean;
}
const DIRECTIONS: Record<Exclude<Declaration, 'none'>, Directions> = {
  sealed: { request: true, response: true },
  answer: { request: false, response: true },
  body: { request: true, response: false },
  plain: { request: false, response: false },
};

interface MethodSpec {
  readonly verb: 'GET' | 'POST' | 'ALL';
  readonly path: 'literal' | 'param' | 'wildcard' | 'two';
  readonly declared: Declaration;
  /** A decorator between `@Get()` and `@Encrypted()` that puts a function of its own in place. */
  readonly wrapped: boolean;
  readonly version: 'none' | 'one' | 'several' | 'neutral';
}

interface ControllerSpec {
  readonly declared: Declaration;
  readonly made: 'as it is' | 'bound' | 'arrows' | 'proxy' | 'proxied with its constructor';
  readonly scope: 'DEFAULT' | 'REQUEST' | 'TRANSIENT';
  readonly methods: 'own' | 'inherited' | 'overridden';
  readonly isReplaced: boolean;
  readonly host: boolean;
  readonly version: MethodSpec['version'];
  readonly folder: boolean;
  readonly twoPaths: boolean;
  readonly handlers: readonly MethodSpec[];
  /** Two methods of one path, told apart by their versions alone. */
  readonly pair: readonly [Declaration, Declaration];
}

export interface AppSpec {
  readonly controllers: readonly ControllerSpec[];
  readonly versioning: 'none' | 'URI' | 'HEADER' | 'MEDIA_TYPE' | 'CUSTOM';
  readonly prefix: 'none' | 'api' | 'api, but for the first controller';
  readonly encryptByDefault: boolean;
  /** Of Nest 12: it then registers the routes once it knows them all, and maybe in another order. */
  readonly order: 'declared' | 'specificity' | 'declared, with a look for conflicts';
}

/** A route, how it is to be listed, and a request that reaches it and no other. */
export interface Endpoint {
  readonly is: string;
  readonly listed: { readonly method: string; readonly path: string; readonly version?: string };
  readonly method: string;
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly sealing: Directions;
}

const declaration = fc.constantFrom<Declaration>('none', 'none', 'sealed', 'plain', 'answer', 'body');
const version = fc.constantFrom<MethodSpec['version']>('none', 'none', 'one', 'several', 'neutral');
const method: fc.Arbitrary<MethodSpec> = fc.record({
  verb: fc.constantFrom('GET', 'POST', 'ALL'),
  path: fc.constantFrom('literal', 'param', 'wildcard', 'two'),
  declared: declaration,
  wrapped: fc.boolean(),
  version,
});
const controller: fc.Arbitrary<ControllerSpec> = fc.record({
  declared: declaration,
  made: fc.constantFrom('as it is', 'bound', 'arrows', 'proxy', 'proxied with its constructor'),
  scope: fc.constantFrom('DEFAULT', 'REQUEST', 'TRANSIENT'),
  methods: fc.constantFrom('own', 'inherited', 'overridden'),
  isReplaced: fc.boolean(),
  host: fc.boolean(),
  version,
  folder: fc.boolean(),
  twoPaths: fc.boolean(),
  handlers: fc.array(method, { minLength: 1, maxLength: 3 }),
  pair: fc.tuple(declaration, declaration),
});
export const appSpec: fc.Arbitrary<AppSpec> = fc.record({
  controllers: fc.array(controller, { minLength: 2, maxLength: 4 }),
  versioning: fc.constantFrom('none', 'URI', 'HEADER', 'MEDIA_TYPE', 'CUSTOM'),
  prefix: fc.constantFrom('none', 'api', 'api, but for the first controller'),
  encryptByDefault: fc.boolean(),
  order: fc.constantFrom('declared', 'specificity', 'declared, with a look for conflicts'),
});

const VERSIONINGS: Record<Exclude<AppSpec['versioning'], 'none'>, VersioningOptions> = {
  URI: { type: VersioningType.URI },
  HEADER: { type: VersioningType.HEADER, header: 'x-version' },
  MEDIA_TYPE: { type: VersioningType.MEDIA_TYPE, key: 'v=' },
  CUSTOM: {
    type: VersioningType.CUSTOM,
    extractor: (request) => (request as { headers: Record<string, string> }).headers['x-api'] ?? '',
  },
};
type Versions = (string | typeof VERSION_NEUTRAL)[];
const VERSIONS: Record<MethodSpec['version'], Versions | undefined> = {
  none: undefined,
  one: ['1'],
  several: ['2', '3'],
  neutral: [VERSION_NEUTRAL],
};
/** In a list, a custom extractor does not find it. */
const asGiven = (versions: Versions): Versions | typeof VERSION_NEUTRAL =>
  versions[0] === VERSION_NEUTRAL ? VERSION_NEUTRAL : versions;
const VERBS = { GET: Get, POST: Post, ALL: All };
const HOST = 'bound.test';

/** The application, for `TestApp.start`. */
export function setupOf(spec: AppSpec, platform: PlatformName): Setup {
  const modules = spec.controllers.map((each, index) =>
    moduleOf({ controllers: [classOf(each, index, spec, platform)] }),
  );
  const folders = modules.map(({ module }, index) => ({ path: `folder${index}`, module }));
  const ofHandshakes = ['e2e/handshake', 'e2e/identity'];
  const first = `${spec.controllers[0]!.folder ? 'folder0/' : ''}c0`;
  return {
    e2e: { encryptByDefault: spec.encryptByDefault },
    imports: [...modules, RouterModule.register(folders.filter((_, index) => spec.controllers[index]!.folder))],
    configure: (nest: INestApplication) => {
      const config = nest.get(ApplicationConfig);
      // Nest 11 has neither: there the order is as declared.
      const { setRouteResolutionStrategy: order, setRouteConflictPolicy: policy } =
        config as Partial<ApplicationConfig>;
      if (spec.order === 'specificity') order?.call(config, 'specificity');
      if (spec.order.endsWith('conflicts')) policy?.call(config, { duplicate: 'warn', shadow: 'off' });
      if (spec.versioning !== 'none') nest.enableVersioning(VERSIONINGS[spec.versioning]);
      if (spec.prefix === 'none') return;
      const ofFirst = spec.prefix === 'api' ? [] : [{ path: `${first}/*rest`, method: RequestMethod.ALL }];
      nest.setGlobalPrefix('api', { exclude: [...ofHandshakes, ...ofFirst] });
    },
  };
}

interface Named extends MethodSpec {
  readonly name: string;
  readonly segment: string;
  readonly versions: Versions | undefined;
}

function methodsOf({ handlers, pair }: ControllerSpec, versioning: AppSpec['versioning']): Named[] {
  const own = handlers.map((each, index) => ({
    ...each,
    name: `m${index}`,
    segment: `m${index}`,
    versions: VERSIONS[each.version],
  }));
  if (versioning === 'none') return own;
  const paired = pair.map((declared, index): Named => {
    const name = `pair${index}`;
    const versions = [String(7 + index)];
    return { verb: 'GET', path: 'literal', declared, wrapped: false, version: 'one', name, segment: 'pair', versions };
  });
  return [...own, ...paired];
}

function pathsOf({ path, segment }: Named, platform: PlatformName): string[] {
  if (path === 'param') return [`${segment}/:id`];
  if (path === 'wildcard') return [`${segment}/${platform === 'express' ? '*rest' : '*'}`];
  return path === 'two' ? [`${segment}/one`, `${segment}/two`] : [segment];
}

function prefixesOf({ twoPaths }: ControllerSpec, index: number): string[] {
  return twoPaths ? [`c${index}/a`, `c${index}/b`] : [`c${index}/a`];
}

/** All have the same name, as what a factory makes. */
function classOf(spec: ControllerSpec, index: number, app: AppSpec, platform: PlatformName): Type<unknown> {
  const methods = methodsOf(spec, app.versioning);
  class Base {
    index = index;
  }
  class GeneratedController extends Base {
    constructor() {
      super();
      return made(this, spec, methods) as this;
    }
  }
  const owner: { prototype: object } = spec.methods === 'inherited' ? Base : GeneratedController;
  for (const each of methods) {
    // What is overridden declares the contrary, and is of no route of its own.
    if (spec.methods === 'overridden') {
      addMethod(Base.prototype, { ...each, declared: 'plain', wrapped: false }, index, []);
    }
    const Verb = VERBS[each.verb];
    const decorators = [
      Verb(pathsOf(each, platform)),
      ...(each.versions ? [Version(asGiven(each.versions))] : []),
      ...(each.wrapped ? [dropsMetadata] : []),
    ];
    addMethod(owner.prototype, each, index, decorators);
  }
  const decorators = [
    Controller({
      path: prefixesOf(spec, index),
      scope: Scope[spec.scope],
      ...(spec.host && { host: HOST }),
      ...(VERSIONS[spec.version] && { version: asGiven(VERSIONS[spec.version]!) }),
    }),
    ...(spec.isReplaced ? [replacesClass] : []),
    ...declarators(spec.declared),
  ];
  return Reflect.decorate(decorators as ClassDecorator[], GeneratedController) as Type<unknown>;
}

function addMethod(prototype: object, { name, declared }: Named, index: number, decorators: MethodDecorator[]): void {
  const value = function (this: object): object {
    return { is: `c${index}.${name}` };
  };
  Object.defineProperty(value, 'name', { value: name });
  const descriptor = { value, writable: true, configurable: true, enumerable: false };
  const decorated = Reflect.decorate([...decorators, ...declarators(declared)], prototype, name, descriptor);
  Object.defineProperty(prototype, name, decorated);
}

function declarators(declared: Declaration): (ClassDecorator & MethodDecorator)[] {
  if (declared === 'none') return [];
  return [declared === 'plain' ? Plain() : Encrypted(DIRECTIONS[declared])];
}

/** As many decorators for logs and metrics do. */
const dropsMetadata: MethodDecorator = (_target, _name, descriptor) => {
  const inner = descriptor.value as unknown as (...args: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
    return inner.apply(this, args);
  } as never;
};

const replacesClass = (owner: Type<unknown>): Type<unknown> => new Proxy(owner, {});

function made(self: object, { made }: ControllerSpec, methods: readonly Named[]): object {
  const functions = self as Record<string, (...args: unknown[]) => unknown>;
  for (const { name } of methods) {
    const method = functions[name]!;
    if (made === 'bound') functions[name] = method.bind(self);
    if (made === 'arrows') functions[name] = (...args) => method.apply(self, args);
  }
  if (made !== 'proxy' && made !== 'proxied with its constructor') return self;
  return new Proxy(self, {
    get(target, name) {
      const value = (target as Record<PropertyKey, unknown>)[name];
      const isBound = typeof value === 'function' && (made !== 'proxy' || name !== 'constructor');
      return isBound ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** Every route of the application. */
export function endpointsOf(app: AppSpec, platform: PlatformName): Endpoint[] {
  return app.controllers.flatMap((spec, index) =>
    methodsOf(spec, app.versioning).flatMap((each) =>
      versionsOf(app, spec, each).flatMap((version) =>
        prefixesOf(spec, index).flatMap((prefix) =>
          pathsOf(each, platform).map((path) => {
            const inPath = app.versioning === 'URI' && version !== undefined ? [`v${version}`] : [];
            const isPrefixed = app.prefix === 'api' || (app.prefix !== 'none' && index > 0);
            const folder = spec.folder ? [`folder${index}`] : [];
            const whole = `/${[...(isPrefixed ? ['api'] : []), ...inPath, ...folder, prefix, path].join('/')}`;
            return {
              is: `c${index}.${each.name}`,
              listed: { method: each.verb, path: whole, ...(version !== undefined && { version }) },
              method: each.verb === 'ALL' ? 'PUT' : each.verb,
              target: whole.replace(':id', '7').replace(/\*(rest)?$/, 'x/y'),
              headers: { ...(spec.host && { Host: HOST }), ...asking(app.versioning, version) },
              sealing: sealingOf(app, spec, each),
            };
          }),
        ),
      ),
    ),
  );
}

function versionsOf({ versioning }: AppSpec, spec: ControllerSpec, { versions }: Named): (string | undefined)[] {
  if (versioning === 'none') return [undefined];
  const named = versions ?? VERSIONS[spec.version] ?? [VERSION_NEUTRAL];
  return named.map((version) => (typeof version === 'string' ? version : undefined));
}

function asking(versioning: AppSpec['versioning'], version: string | undefined): Record<string, string> {
  if (version === undefined) return {};
  if (versioning === 'HEADER') return { 'x-version': version };
  if (versioning === 'MEDIA_TYPE') return { accept: `application/json;v=${version}` };
  return versioning === 'CUSTOM' ? { 'x-api': version } : {};
}

function sealingOf({ encryptByDefault }: AppSpec, spec: ControllerSpec, { declared }: Named): Directions {
  const which = [declared, spec.declared].find((each) => each !== 'none');
  return DIRECTIONS[which ?? (encryptByDefault ? 'sealed' : 'plain')];
}
