import { createParamDecorator, SetMetadata, UseGuards, type ExecutionContext } from '@nestjs/common';
import type { KeyKind } from '../../protocol/keys.js';
import { openedMessageOf } from '../request/exchange-state.js';
import { ModulePresence } from './module-presence.js';

/** Which directions of a route are sealed. */
export interface Sealing {
  /** The route accepts only sealed requests. */
  readonly request: boolean;
  /** Every response is sealed. */
  readonly response: boolean;
  /** The route's own limit for a request body in frames, in bytes on the wire. */
  readonly maxStreamSize?: number;
}

export interface EncryptedOptions {
  /** `false`: the request's body is plain, beside a sealed `E2e-Request`, so that the response can be sealed. Default `true`. */
  request?: boolean;
  /** `false`: the response is plain. Default `true`. */
  response?: boolean;
  /** The largest request body in frames, in bytes on the wire. Default: the module's `maxStreamSize` (100 MiB). */
  maxStreamSize?: number;
}

export const SEALING_METADATA = 'e2e:sealing';

export const PLAIN: Sealing = { request: false, response: false };
export const SEALED: Sealing = { request: true, response: true };

/**
 * Seals a route, or all routes of a controller. Plain requests are rejected with `message-required`, and everything that
 * leaves is encrypted to the client: results, validation errors and exceptions. The declaration of a method overrides the
 * declaration of its class. An application that uses it without `E2eModule` does not start.
 *
 * @example
 * ```ts
 * @Controller('orders')
 * @Encrypted()
 * export class OrderController {
 *   @Get()
 *   list() {
 *     return [{ id: 1 }];
 *   }
 *
 *   // The request's body is plain, the response is sealed.
 *   @Post('import')
 *   @Encrypted({ request: false })
 *   import(@Body() orders: object[]) {
 *     return { count: orders.length };
 *   }
 * }
 * ```
 */
export function Encrypted({ request = true, response = true, maxStreamSize }: EncryptedOptions = {}): ClassDecorator &
  MethodDecorator {
  if (!request && !response) throw new TypeError('@Encrypted() without a direction seals nothing: use @Plain().');
  if (maxStreamSize !== undefined && !(Number.isSafeInteger(maxStreamSize) && maxStreamSize > 0)) {
    throw new TypeError('@Encrypted(): maxStreamSize must be a positive integer, a number of bytes.');
  }
  const sealing = { request, response, ...(maxStreamSize !== undefined && { maxStreamSize }) };
  return declaring(sealing, (target, name) => {
    if (name !== undefined && typeof target === 'function') {
      throw new TypeError(
        `@Encrypted() has no effect on ${target.name}.${String(name)}(): it is static, so it is not a route. Remove it.`,
      );
    }
    // Always on the class: a decorator that wraps the method may drop the metadata of the function.
    const owner = typeof target === 'function' ? target : (target.constructor as typeof target & (() => void));
    if (guarded.has(owner)) return;
    guarded.add(owner);
    UseGuards(ModulePresence)(owner);
  });
}

/**
 * Exempts a route or a controller from `@Encrypted()` on its class and from `encryptByDefault`.
 *
 * @example
 * ```ts
 * @Controller('orders')
 * @Encrypted()
 * export class OrderController {
 *   @Get('health')
 *   @Plain()
 *   health() {
 *     return { ok: true };
 *   }
 * }
 * ```
 */
export function Plain(): ClassDecorator & MethodDecorator {
  return declaring(PLAIN);
}

/** The classes that already have the guard. */
const guarded = new WeakSet<object>();

/**
 * Writes the declaration twice: where Nest's decorators write, and on the prototype, where it survives a decorator that
 * replaces the function or the class.
 */
function declaring(
  sealing: Sealing,
  also?: (target: object, name?: string | symbol) => void,
): ClassDecorator & MethodDecorator {
  return (target: object, name?: string | symbol, descriptor?: PropertyDescriptor): void => {
    also?.(target, name);
    SetMetadata(SEALING_METADATA, sealing)(target as never, name as never, descriptor as never);
    if (name !== undefined) Reflect.defineMetadata(SEALING_METADATA, sealing, target, name);
    else Reflect.defineMetadata(SEALING_METADATA, sealing, (target as { prototype: object }).prototype);
  };
}

/** Facts about the channel of a request, for handlers. */
export interface ChannelFacts {
  readonly kid: string;
  readonly kind: KeyKind;
  readonly expiresAt: Date;
}

/**
 * Parameter decorator of handlers and resolvers for the channel's facts; `undefined` if the request was plain.
 *
 * @example
 * ```ts
 * @Controller('channel')
 * @Encrypted()
 * export class ChannelController {
 *   @Get()
 *   facts(@E2e() channel: ChannelFacts) {
 *     return { kind: channel.kind, expiresAt: channel.expiresAt };
 *   }
 * }
 * ```
 */
export const E2e = createParamDecorator((_: unknown, context: ExecutionContext): ChannelFacts | undefined => {
  const request = requestIn(context);
  const channel = request && openedMessageOf(request)?.channel;
  return channel && { kid: channel.kid, kind: channel.kind, expiresAt: new Date(channel.expiresAt * 1000) };
});

/** What is used of the context that GraphQL gives resolvers; of a subscription, `graphql-ws` puts the request in `extra`. */
interface GraphqlContext {
  readonly req?: object & { readonly extra?: { readonly request?: object } };
  readonly extra?: { readonly request?: object };
}

function requestIn(context: ExecutionContext): object | undefined {
  if (context.getType<string>() !== 'graphql') return context.switchToHttp().getRequest<object>();
  const { req, extra } = context.getArgByIndex<GraphqlContext | undefined>(2) ?? {};
  return extra?.request ?? req?.extra?.request ?? req;
}
