import { Module, type DynamicModule } from '@nestjs/common';

@Module({})
class Modules {}

/** Modules in this order, for `Setup.e2e`: `E2eModule` wherever it is to stand among them. */
export function modules(...imports: NonNullable<DynamicModule['imports']>): DynamicModule {
  return { module: Modules, imports };
}
