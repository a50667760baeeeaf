import { isJson, MESSAGE_MEDIA_TYPE } from '../protocol/media-type.js';
import { INNER_TYPES_EXTENSION } from '../swagger-ui/extension.js';
import type { ResponseObject } from './problems.js';

type Content = NonNullable<ResponseObject['content']>;
type Media = Content[string];
type Schema = NonNullable<Media['schema']>;

/**
 * The content as it travels: one message, whatever is inside. The schema, the examples and the rest are of what is inside,
 * JSON first; media types with schemas of their own become a choice between them.
 */
export function sealContent(content: Content): Content {
  const names = Object.keys(content);
  if (names.includes(MESSAGE_MEDIA_TYPE)) return content;
  const types = [...names.filter(isJson), ...names.filter((name) => !isJson(name))];
  const media = content[types[0] ?? ''] ?? {};
  const schemas = distinct(types.flatMap((type) => content[type]?.schema ?? []));
  return {
    [MESSAGE_MEDIA_TYPE]: {
      ...media,
      ...(schemas.length > 1 && { schema: { oneOf: schemas } }),
      ...(types.length > 0 && { [INNER_TYPES_EXTENSION]: types }),
    },
  };
}

function distinct(schemas: readonly Schema[]): Schema[] {
  return [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
}
