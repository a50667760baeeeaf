import { Logger, type INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { SEALING_EXTENSION, type DocumentSealing } from '../swagger-ui/extension.js';
import { describeChannelRoute } from './channel-routes.js';
import { eventsContent, sealContent } from './content.js';
import { mapOperations, type Operation } from './operations.js';
import {
  problemComponents,
  problemReference,
  routeProblems,
  withProblem,
  type Problems,
  type ProblemStyle,
  type ResponseObject,
} from './problems.js';
import { routesOf, type KnownRoute } from './routes.js';

interface Reference {
  readonly $ref: string;
}

/** Statuses whose answers have no body, sealed or not. */
const BODILESS = ['204', '205', '304'];

export interface SealDocumentOptions {
  /**
   * How a sealed operation names the problems that it may be refused with: `'each'`, by a response for each status;
   * `'default'`, by one response for all statuses that have none; `'none'`, not at all. Default `'each'`.
   */
  readonly problems?: ProblemStyle;
}

/**
 * Returns a copy of the document in which sealed operations are marked. Their bodies are `application/jose`, and
 * `application/vnd.e2e.stream` for files, forms with files and event streams (PROTOCOL §6), with the schemas of the plain
 * bodies. An extension says which directions are sealed, or which single fields, and the problems of the protocol are
 * among the responses. The marks match what the application seals, by `@Encrypted()` or `encryptByDefault`.
 *
 * @throws Error if the application has no E2eModule.
 *
 * @example
 * const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Notes').build());
 * writeFileSync('openapi.json', JSON.stringify(sealDocument(app, document)));
 */
export function sealDocument(
  app: INestApplication,
  document: OpenAPIObject,
  { problems = 'each' }: SealDocumentOptions = {},
): OpenAPIObject {
  if (SEALING_EXTENSION in document) return document;
  const routes = routesOf(app, document);
  const unknown: string[] = [];
  const paths = mapOperations(document, ({ method, path, operation }) => {
    if (SEALING_EXTENSION in operation) return operation;
    const route = routes.find(method, path);
    if (!route) unknown.push(`${method.toUpperCase()} ${path}`);
    if (route?.channelRoute) return describeChannelRoute(route.channelRoute, operation);
    return route && (route.sealing.request || route.sealing.response || route.fields)
      ? sealOperation(document, operation, route, routeProblems(problems))
      : operation;
  });
  if (unknown.length > 0) {
    new Logger('E2eModule').warn(
      `The OpenAPI document has operations that are no routes of this application, or not by these paths: ` +
        `${unknown.join(', ')}. They are documented as not sealed. If that is wrong, give them the extension ` +
        `"${SEALING_EXTENSION}": { "request": true, "response": true }.`,
    );
  }
  const { schemas, responses } = problemComponents(problems);
  return {
    ...document,
    [SEALING_EXTENSION]: { path: routes.path } satisfies DocumentSealing,
    paths,
    components: {
      ...document.components,
      schemas: { ...document.components?.schemas, ...schemas },
      responses: { ...document.components?.responses, ...responses },
    },
  } as OpenAPIObject;
}

function sealOperation(
  document: OpenAPIObject,
  operation: Operation,
  { sealing, fields, isEventStream }: KnownRoute,
  problems: Problems,
): Operation {
  const { requestBody } = operation;
  const responses = Object.entries(operation.responses).map(([status, response]) => [
    status,
    response && sealing.response
      ? sealResponse(status, resolve(document, 'responses', response), isEventStream)
      : response,
  ]);
  const sealed = {
    ...operation,
    [SEALING_EXTENSION]: { request: sealing.request, response: sealing.response, ...(fields && { fields }) },
    responses: withProblems(document, Object.fromEntries(responses) as Operation['responses'], problems),
  };
  if (!requestBody || !sealing.request) return sealed;
  const body = resolve(document, 'requestBodies', requestBody);
  return { ...sealed, requestBody: { ...body, content: sealContent(body.content) } };
}

function sealResponse(status: string, response: ResponseObject, isEventStream: boolean): ResponseObject {
  if (BODILESS.includes(status)) return response;
  const { content = {} } = response;
  const inside = isEventStream && status.startsWith('2') ? eventsContent(content) : content;
  return { ...response, content: sealContent(inside) };
}

function withProblems(
  document: OpenAPIObject,
  responses: Operation['responses'],
  problems: Problems,
): Operation['responses'] {
  const added = [...problems].map(([status, names]) => {
    const own = responses[status];
    return [status, own ? withProblem(resolve(document, 'responses', own), names) : problemReference(status)];
  });
  return { ...responses, ...Object.fromEntries(added) } as Operation['responses'];
}

/** What a reference to a component means, so that the operation's own can be told apart from others'. */
function resolve<T extends object>(
  document: OpenAPIObject,
  kind: 'responses' | 'requestBodies',
  value: T,
): Exclude<T, Reference> {
  if (!('$ref' in value)) return value as Exclude<T, Reference>;
  const [, name = ''] = new RegExp(`^#/components/${kind}/(.+)$`).exec(value.$ref as string) ?? [];
  const found = document.components?.[kind]?.[name];
  if (!found) throw new Error(`sealDocument: this reference has no target: ${value.$ref as string}`);
  return resolve(document, kind, found as T);
}
