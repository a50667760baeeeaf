import type { OpenAPIObject } from '@nestjs/swagger';

type PathItem = OpenAPIObject['paths'][string];
export type Operation = NonNullable<PathItem['get']>;

/** An operation and its place in the document. */
export interface PlacedOperation {
  /** In lower case, as documents have it. */
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** Members of a path item that are not operations. */
const NO_OPERATIONS = ['$ref', 'summary', 'description', 'servers', 'parameters', 'additionalOperations'];

export function operationsOf(document: OpenAPIObject): PlacedOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => isMethod(method))
      .map(([method, operation]) => ({ method, path, operation: operation as Operation })),
  );
}

/** The document's paths with each operation replaced; the document itself stays as it is. */
export function mapOperations(
  { paths }: OpenAPIObject,
  map: (placed: PlacedOperation) => Operation,
): OpenAPIObject['paths'] {
  const entries = Object.entries(paths).map(([path, item]) => {
    const members = Object.entries(item).map(([method, value]) => [
      method,
      isMethod(method) ? map({ method, path, operation: value as Operation }) : (value as unknown),
    ]);
    return [path, Object.fromEntries(members) as PathItem];
  });
  return Object.fromEntries(entries) as OpenAPIObject['paths'];
}

function isMethod(member: string): boolean {
  return !NO_OPERATIONS.includes(member) && !member.startsWith('x-');
}
