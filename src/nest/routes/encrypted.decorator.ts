import { createParamDecorator, SetMetadata, UseGuards, type ExecutionContext } from '@nestjs/common';
import type { KeyKind } from '../../protocol/keys.js';
import { openedMessageOf } from '../request/exchange-state.js';
import { ModulePresence } from './module-presence.js';

/** Which directions of a route are sealed. */
export interface Sealing {
  /** Only sealed requests are taken. */
  readonly request: boolean;
  /** Every answer is sealed. */
  readonly response: boolean;
  /** Bytes on the wire that a request's body in frames may have, where the route says so itself. */
  readonly maxStreamSize?: number;
}

export interface EncryptedOptions {
  /** `false`: the body comes plain, beside a sealed `E2e-Request` that lets the answer be sealed. Default `true`. */
  request?: boolean;
  /** `false`: the answer is plain. Default `true`. */
  response?: boolean;
  /** Bytes that a request's body in frames may have on the wire. Default: the module's `maxStreamSize` (100 MiB). */
  maxStreamSize?: number;
}

export const SEALING_METADATA = 'e2e:sealing';

export const PLAIN: Sealing = { request: false, response: false };
export const SEALED: Sealing = { request: true, response: true };

/**
 * Seals a route, or all routes of a controller: plain requests are refused with `message-required`, and whatever
 * leaves is encrypted to the client: results, validation errors, exceptions. On a method it counts before the class's.
 * An application that does not import `E2eModule` does not start.
 */
export function Encrypted({ request = true, response = true, maxStreamSize }: EncryptedOptions = {}): ClassDecorator &
  MethodDecorator {
  if (!request && !response) throw new TypeError('@Encrypted() with neither direction seals nothing: use @Plain().');
  if (maxStreamSize !== undefined && !(Number.isSafeInteger(maxStreamSize) && maxStreamSize > 0)) {
    throw new TypeError('@Encrypted(): maxStreamSize must be a positive integer, a number of bytes.');
  }
  const sealing = { request, response, ...(maxStreamSize !== undefined && { maxStreamSize }) };
  return declaring(sealing, (target, name) => {
    if (name !== undefined && typeof target === 'function') {
      throw new TypeError(
        `@Encrypted() has no effect on ${target.name}.${String(name)}(): it is static, and no route. Remove it.`,
      );
    }
    // On the class, always: a decorator that wraps the method may drop what stands on the function.
    const owner = typeof target === 'function' ? target : (target.constructor as typeof target & (() => void));
    if (guarded.has(owner)) return;
    guarded.add(owner);
    UseGuards(ModulePresence)(owner);
  });
}

/** Takes a route, or a controller, out of what `@Encrypted()` on its class or `encryptByDefault` seals. */
export function Plain(): ClassDecorator & MethodDecorator {
  return declaring(PLAIN);
}

/** The classes that have the guard. */
const guarded = new WeakSet<object>();

/**
 * Writes the declaration twice: where Nest's decorators write, and on the prototype, where it stays when another
 * decorator puts a function or a class of its own in place.
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

/** What a handler may know of the channel that its request came on. */
export interface ChannelFacts {
  readonly kid: string;
  readonly kind: KeyKind;
  readonly expiresAt: Date;
}

/** The channel's facts as a handler's parameter; `undefined` where the request was plain. */
export const E2e = createParamDecorator((_: unknown, context: ExecutionContext): ChannelFacts | undefined => {
  const channel = openedMessageOf(context.switchToHttp().getRequest<object>())?.channel;
  return channel && { kid: channel.kid, kind: channel.kind, expiresAt: new Date(channel.expiresAt * 1000) };
});
