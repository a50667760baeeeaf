import {
  essence,
  EVENTS_MEDIA_TYPE,
  FORM_MEDIA_TYPE,
  isJson,
  MESSAGE_MEDIA_TYPE,
  STREAM_MEDIA_TYPE,
} from '../protocol/media-type.js';
import { INNER_TYPES_EXTENSION } from '../swagger-ui/extension.js';
import type { ResponseObject } from './problems.js';

type Content = NonNullable<ResponseObject['content']>;
type Media = Content[string];
type Schema = NonNullable<Media['schema']>;

/** Types whose bodies are text that is read whole. */
const TEXT_TYPE = /^text\/|^application\/(xml|javascript|yaml)$|\+(xml|yaml)$/;

/**
 * The content as it travels: one message, whatever is inside; and where it is a file, a form with files or an event
 * stream, a message that frames follow (PROTOCOL §6). The schema, the examples and the rest are of what is inside, JSON
 * first; media types with schemas of their own become a choice between them.
 */
export function sealContent(content: Content): Content {
  const names = Object.keys(content);
  if (names.includes(MESSAGE_MEDIA_TYPE) || names.includes(STREAM_MEDIA_TYPE)) return content;
  const types = [...names.filter(isJson), ...names.filter((name) => !isJson(name))];
  const streamed = types.filter((type) => isStreamed(type, content[type]!));
  // An event stream is never in one message.
  const whole = types.filter((type) => essence(type) !== EVENTS_MEDIA_TYPE);
  return {
    ...((whole.length > 0 || types.length === 0) && { [MESSAGE_MEDIA_TYPE]: mediaOf(content, whole) }),
    ...(streamed.length > 0 && { [STREAM_MEDIA_TYPE]: mediaOf(content, streamed) }),
  };
}

/** The response of `@Sse()`; `@nestjs/swagger` knows at most the type of its events. */
export function eventsContent(content: Content): Content {
  if (Object.keys(content).some((type) => essence(type) === EVENTS_MEDIA_TYPE)) return content;
  return { [EVENTS_MEDIA_TYPE]: Object.values(content)[0] ?? {} };
}

function mediaOf(content: Content, types: readonly string[]): Media {
  const schemas = distinct(types.flatMap((type) => content[type]?.schema ?? []));
  return {
    ...content[types[0] ?? ''],
    ...(schemas.length > 1 && { schema: { oneOf: schemas } }),
    ...(types.length > 0 && { [INNER_TYPES_EXTENSION]: types }),
  };
}

/** Whether such a body is written in pieces, or may be long. */
function isStreamed(type: string, { schema }: Media): boolean {
  if (schema && 'format' in schema && schema.format === 'binary') return true;
  const name = essence(type);
  if (name === EVENTS_MEDIA_TYPE) return true;
  return !isJson(name) && name !== FORM_MEDIA_TYPE && !TEXT_TYPE.test(name);
}

function distinct(schemas: readonly Schema[]): Schema[] {
  return [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
}
