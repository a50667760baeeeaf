import { SetMetadata } from '@nestjs/common';
import type { FieldClass } from './field-types.js';

export interface EncryptedFieldsOptions {
  /** The class of the request's body, where its parameter does not say it (an interface, `any`, an array). */
  readonly request?: FieldClass;
  /** The class of the response, or of its elements: plain objects are sealed as instances of the class are. */
  readonly response?: FieldClass;
}

export const FIELDS_METADATA = 'e2e:fields';

/**
 * Says which classes with `@EncryptedField()` a route takes and returns, where its types do not.
 *
 * @example
 * ```ts
 * @Controller('cards')
 * export class CardController {
 *   @Get()
 *   @EncryptedFields({ response: CardDto })
 *   list() {
 *     return [{ number: '4111111111111111' }];
 *   }
 * }
 * ```
 */
export function EncryptedFields(options: EncryptedFieldsOptions): MethodDecorator {
  return SetMetadata(FIELDS_METADATA, options);
}
