import type { OpenAPIObject } from '@nestjs/swagger';
import {
  E2eProblem,
  PROBLEM_MEDIA_TYPE,
  PROBLEM_TYPE_PREFIX,
  PROBLEMS,
  type ProblemName,
} from '../protocol/problem.js';

type Components = NonNullable<OpenAPIObject['components']>;
type Responses = NonNullable<Components['responses']>;
export type ResponseObject = Exclude<Responses[string], { $ref: string }>;

const SCHEMA = 'E2eProblemDetails';

/** What a sealed route may be refused with. */
const OF_ROUTES = Object.keys(PROBLEMS).filter((name) => name !== 'key-rejected') as ProblemName[];
const OF_HANDSHAKES: ProblemName[] = ['key-rejected', 'too-large', 'busy'];

/** The problems of sealed routes, by status. */
export const ROUTE_PROBLEMS = byStatus(OF_ROUTES);
export const HANDSHAKE_PROBLEMS = byStatus(OF_HANDSHAKES);

/** What the documents of sealed routes refer to. */
export const PROBLEM_COMPONENTS: Pick<Components, 'schemas' | 'responses'> = {
  schemas: {
    [SCHEMA]: {
      type: 'object',
      description: 'Why a sealed request was refused (RFC 9457). In the clear unless the message had been opened.',
      required: ['type', 'title', 'status'],
      properties: {
        type: { type: 'string', enum: Object.keys(PROBLEMS).map((name) => PROBLEM_TYPE_PREFIX + name) },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string' },
      },
    },
  },
  responses: Object.fromEntries(
    [...byStatus(Object.keys(PROBLEMS) as ProblemName[])].map(([status, names]) => [
      nameOf(status),
      problemResponse(names),
    ]),
  ),
};

/** The component that is the response to these problems. */
export function problemReference(status: number): { $ref: string } {
  return { $ref: `#/components/responses/${nameOf(status)}` };
}

/** A response of the application's own that has the status of such a problem: it may be either. */
export function withProblem(response: ResponseObject, names: readonly ProblemName[]): ResponseObject {
  const { content } = problemResponse(names);
  return { ...response, content: { ...content, ...response.content } };
}

function problemResponse(names: readonly ProblemName[]): ResponseObject {
  const examples = names.map((name): [string, { value: object }] => [name, { value: new E2eProblem(name).toJSON() }]);
  return {
    description: names.map((name) => `\`${name}\`: ${PROBLEMS[name].title}`).join(' '),
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: { $ref: `#/components/schemas/${SCHEMA}` },
        examples: Object.fromEntries(examples),
      },
    },
    ...(names.includes('busy') && {
      headers: { 'Retry-After': { description: 'Seconds after which to try again.', schema: { type: 'integer' } } },
    }),
  };
}

function byStatus(names: readonly ProblemName[]): ReadonlyMap<number, readonly ProblemName[]> {
  const statuses = [...new Set(names.map((name) => PROBLEMS[name].status))];
  return new Map(statuses.map((status) => [status, names.filter((name) => PROBLEMS[name].status === status)]));
}

function nameOf(status: number): string {
  return `E2eProblem${status}`;
}
