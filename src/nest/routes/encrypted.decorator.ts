import {
  applyDecorators,
  createParamDecorator,
  SetMetadata,
  UseGuards,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { KeyKind } from '../../protocol/keys.js';
import { openedMessageOf } from '../request/exchange-state.js';
import { ModulePresence } from './module-presence.js';

/** Which directions of a route are sealed. */
export interface Sealing {
  /** Only sealed requests are taken. */
  readonly request: boolean;
  /** Every answer is sealed. */
  readonly response: boolean;
}

export interface EncryptedOptions {
  /** `false`: the body comes plain, beside a sealed `E2e-Request` that lets the answer be sealed. Default `true`. */
  request?: boolean;
  /** `false`: the answer is plain. Default `true`. */
  response?: boolean;
}

export const SEALING_METADATA = 'e2e:sealing';

export const PLAIN: Sealing = { request: false, response: false };

/**
 * Seals a route, or all routes of a controller: plain requests are refused with `message-required`, and whatever
 * leaves is encrypted to the client: results, validation errors, exceptions. On a method it counts before the class's.
 * An application that does not import `E2eModule` does not start.
 */
export function Encrypted({ request = true, response = true }: EncryptedOptions = {}): ClassDecorator &
  MethodDecorator {
  if (!request && !response) throw new TypeError('@Encrypted() with neither direction seals nothing: use @Plain().');
  const sealing: Sealing = { request, response };
  return applyDecorators(SetMetadata(SEALING_METADATA, sealing), UseGuards(ModulePresence));
}

/** Takes a route, or a controller, out of what `@Encrypted()` on its class or `encryptByDefault` seals. */
export function Plain(): CustomDecorator {
  return SetMetadata(SEALING_METADATA, PLAIN);
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
