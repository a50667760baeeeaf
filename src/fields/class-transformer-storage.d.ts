declare module 'class-transformer/cjs/storage.js' {
  import type { ExposeMetadata, TransformMetadata, TypeMetadata } from 'class-transformer';

  type Class = abstract new (...args: never) => unknown;
  type ByClass<Value, Name = string> = ReadonlyMap<Class, ReadonlyMap<Name, Value>>;

  /** Where class-transformer keeps what its decorators declare; `@nestjs/mapped-types` reads it there, too. */
  export const defaultMetadataStorage: {
    readonly _typeMetadatas: ByClass<TypeMetadata>;
    /** `@Expose()` on the class itself has no property. */
    readonly _exposeMetadatas: ByClass<ExposeMetadata, string | undefined>;
    readonly _transformMetadatas: ByClass<readonly TransformMetadata[]>;
    findTypeMetadata(target: Class, property: string): TypeMetadata | undefined;
    findExposeMetadata(target: Class, property: string): ExposeMetadata | undefined;
    findExposeMetadataByCustomName(target: Class, name: string): ExposeMetadata | undefined;
  };
}
