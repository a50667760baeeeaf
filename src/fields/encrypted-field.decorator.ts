import { ClassSerializerInterceptor } from '@nestjs/common';
import { instanceToPlain, Transform, TransformationType, type TransformFnParams } from 'class-transformer';
import { setFieldTypes, type FieldClass } from '../nest/routes/field-types.js';
import { hideField } from '../nest/routes/field-value.js';
import { ClassTypes, FIELD, isMarked, noteClass } from './class-types.js';

/**
 * Encrypts one property of a DTO class (PROTOCOL §10), on routes whose bodies must stay readable to a gateway. In a request
 * it is opened before guards and validation; a plain value in its place is refused. In a response it is sealed to the client:
 * in instances of the class, and in plain objects on routes with `@EncryptedFields({ response })`. Nested objects and arrays
 * need `@Type()`. Its value may have any type that JSON has. An application that uses it needs `E2eModule` and
 * class-transformer.
 *
 * @example
 * class PaymentDto {
 *   @EncryptedField()
 *   @IsCreditCard()
 *   card!: string;
 *
 *   @IsInt()
 *   amount!: number;
 * }
 *
 * @throws TypeError on a static property, a method or a symbol.
 * @throws Error if the application has two copies of class-transformer.
 */
export function EncryptedField(): PropertyDecorator {
  return (target, property) => {
    const type = target.constructor as FieldClass;
    if (typeof target === 'function' || typeof property === 'symbol') {
      throw new TypeError(
        `@EncryptedField() has no effect on ${String(property)}: put it on a property of an instance.`,
      );
    }
    if (typeof (target as Record<string, unknown>)[property] === 'function') {
      throw new TypeError(`@EncryptedField() has no effect on ${type.name}.${property}(): it is a method.`);
    }
    setFieldTypes(TYPES);
    noteClass(type);
    markSerializer();
    // A transform, because class-transformer stores and inherits it, and mapped types copy it.
    Transform(TRANSFORM)(target, property);
    if (!isMarked(type, property)) throw new Error(TWO_COPIES);
  };
}

const TWO_COPIES =
  '@EncryptedField() would have no effect: there are two copies of class-transformer here, and the one with the decorators ' +
  'is not the one that is read. Keep class-transformer out of the bundle (mark it as external), and install it once.';

const TYPES = new ClassTypes();

/** Whether a serializer is running: only the values that it converts are hidden. */
let isSerializing = false;

function withSerializing<T>(value: boolean, run: () => T): T {
  const before = isSerializing;
  isSerializing = value;
  try {
    return run();
  } finally {
    isSerializing = before;
  }
}

const TRANSFORM = Object.assign(transform, { [FIELD]: true });

function transform({ value, type, options }: TransformFnParams): unknown {
  const isLeaving = isSerializing && type === TransformationType.CLASS_TO_PLAIN;
  if (!isLeaving || value === undefined || typeof value === 'function') return value as unknown;
  if (typeof value !== 'object' || value === null) return hideField(value);
  // Converted now, by the rules of its own class: excluded members are not sealed either.
  return hideField(withSerializing(false, () => instanceToPlain(value as object, options)));
}

let isPatched = false;

/** `ClassSerializerInterceptor` returns plain objects, in which the field would not be recognized. */
function markSerializer(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = ClassSerializerInterceptor;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its own `this` below
  const serialize = prototype.transformToPlain;
  prototype.transformToPlain = function (...given) {
    return withSerializing(true, () => serialize.apply(this, given));
  };
}
