type Json = Record<string, unknown>;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const MEDIA_TYPE = /^[\w*.+-]+\/[\w*.+-]+(; .+)?$/;

/** What OpenAPI does not allow of what this package writes into documents: references, operations, bodies, answers. */
export function faultsOf(document: Json): string[] {
  return [
    ...references(document)
      .filter((each) => !leadsSomewhere(document, each))
      .map((each) => `there is no ${each}`),
    ...operations(document).flatMap(([name, path, operation]) =>
      faultsOfOperation(document, path, operation).map((fault) => `${name}: ${fault}`),
    ),
  ];
}

function operations(document: Json): [string, string, Json][] {
  return Object.entries(document.paths as Record<string, Json>).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]): [string, string, Json] => [`${method} ${path}`, path, operation as Json]),
  );
}

function faultsOfOperation(document: Json, path: string, operation: Json): string[] {
  const parameters = (operation.parameters ?? []) as { name: string; in: string }[];
  const undeclared = [...path.matchAll(/\{(\w+)\}/g)]
    .map(([, name]) => name!)
    .filter((name) => !parameters.some((each) => each.in === 'path' && each.name === name))
    .map((name) => `the parameter ${name} is not declared`);
  const { requestBody, responses } = operation as { requestBody?: Json; responses?: Record<string, Json> };
  const entries = Object.entries(responses ?? {});
  return [
    ...undeclared,
    ...(entries.length === 0 ? ['there are no responses'] : []),
    ...entries.filter(([status]) => !/^([1-5]\d\d|default)$/.test(status)).map(([status]) => `${status} is no status`),
    ...(requestBody && !('$ref' in requestBody) ? faultsOfContent(requestBody.content, true) : []),
    ...entries.flatMap(([status, response]) => {
      if ('$ref' in response) return [];
      if (typeof response.description !== 'string') return [`${status} has no description`];
      return faultsOfContent(response.content, false).map((fault) => `${status}: ${fault}`);
    }),
  ];
}

function faultsOfContent(content: unknown, isRequired: boolean): string[] {
  if (content === undefined) return isRequired ? ['there is no content'] : [];
  return Object.entries(content as Record<string, Json>).flatMap(([type, media]) => [
    ...(MEDIA_TYPE.test(type) ? [] : [`${type} is no media type`]),
    ...Object.keys(media)
      .filter((member) => !['schema', 'example', 'examples', 'encoding'].includes(member) && !member.startsWith('x-'))
      .map((member) => `${type} has a member ${member}`),
    ...('example' in media && 'examples' in media ? [`${type} has both example and examples`] : []),
  ]);
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' && typeof member === 'string' ? [member] : references(member),
  );
}

function leadsSomewhere(document: Json, reference: string): boolean {
  const path = reference.replace(/^#\//, '').split('/');
  return path.reduce<unknown>((found, name) => (found as Json | undefined)?.[name], document) !== undefined;
}
