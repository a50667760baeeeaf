import { JSON_MEDIA_TYPE, MESSAGE_MEDIA_TYPE, STREAM_MEDIA_TYPE } from '../protocol/media-type.js';
import { INNER_TYPES_EXTENSION, SEALING_EXTENSION } from './extension.js';

type Content = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type WithContent = Readonly<Record<string, unknown>> & { readonly content?: Content };

interface Operation {
  readonly requestBody?: WithContent;
  readonly responses?: Readonly<Record<string, WithContent>>;
}

interface OpenApiDocument {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * The document as the two ends of a channel see it: in the place of `application/jose` and `application/vnd.e2e.stream`
 * the media types inside. That is what a person fills in and reads in Swagger UI, while the plug-in does the sealing.
 */
export function showInside<Document extends OpenApiDocument>(document: Document): Document {
  const paths = mapValues(document.paths ?? {}, (item) =>
    mapValues(item, (value) => (isSealed(value) ? insideOf(value) : value)),
  );
  return { ...document, paths };
}

function insideOf(operation: Operation): Operation {
  const { requestBody, responses } = operation;
  return {
    ...operation,
    ...(requestBody && { requestBody: openContent(requestBody) }),
    ...(responses && { responses: mapValues(responses, openContent) }),
  };
}

function openContent(holder: WithContent): WithContent {
  const { content, ...rest } = holder;
  const { [MESSAGE_MEDIA_TYPE]: message, [STREAM_MEDIA_TYPE]: stream, ...others } = content ?? {};
  if (!message && !stream) return holder;
  // In the order of the message's types. A file's schema is the stream's: the message's is a choice of all.
  const opened = { ...others, ...insideOfMedia(message), ...insideOfMedia(stream) };
  // Of a response without a schema nothing is known.
  return Object.keys(opened).length > 0 ? { ...rest, content: opened } : rest;
}

function insideOfMedia(sealed: Content[string] = {}): Content {
  const { [INNER_TYPES_EXTENSION]: types, ...media } = sealed;
  const inner = (types ?? ('schema' in media ? [JSON_MEDIA_TYPE] : [])) as string[];
  return Object.fromEntries(inner.map((type) => [type, media]));
}

function isSealed(value: unknown): value is Operation {
  return typeof value === 'object' && value !== null && SEALING_EXTENSION in value;
}

function mapValues<Value, Result>(
  members: Readonly<Record<string, Value>>,
  map: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, map(value)]));
}
