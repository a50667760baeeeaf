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
type Schema = NonNullable<Components['schemas']>[string];
export type ResponseObject = Exclude<Responses[string], { $ref: string }>;

const SCHEMA = 'E2eProblemDetails';

/** The problems with which a sealed route may reject a request. */
const OF_ROUTES = Object.keys(PROBLEMS).filter((name) => name !== 'key-rejected') as ProblemName[];
const OF_HANDSHAKES: ProblemName[] = ['key-rejected', 'too-large', 'busy'];

const DETAILS: Schema = {
  type: 'object',
  description: 'Why a sealed request was refused (RFC 9457). In the clear unless the message had been opened.',
  required: ['type', 'title', 'status'],
  properties: {
    type: { type: 'string', enum: Object.keys(PROBLEMS).map((name) => PROBLEM_TYPE_PREFIX + name) },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
  },
};

/**
 * How a sealed operation names the problems that it may be refused with: `'each'`, by a response for each status;
 * `'default'`, by one response for all statuses that have none; `'none'`, not at all.
 */
export type ProblemStyle = 'each' | 'default' | 'none';

/** Problems, by the status under which an operation has them. */
export type Problems = ReadonlyMap<string, readonly ProblemName[]>;

export const HANDSHAKE_PROBLEMS = byStatus(OF_HANDSHAKES);

/** The problems of sealed routes. */
export function routeProblems(style: ProblemStyle): Problems {
  if (style === 'none') return new Map();
  return style === 'default' ? new Map([['default', OF_ROUTES]]) : byStatus(OF_ROUTES);
}

/** What the documents of sealed routes refer to. */
export function problemComponents(style: ProblemStyle): Pick<Components, 'schemas' | 'responses'> {
  // One of a status that routes and handshakes share names the problems of both.
  const all = byStatus(Object.keys(PROBLEMS) as ProblemName[]);
  const responses = style === 'each' ? [...all] : [...HANDSHAKE_PROBLEMS, ...routeProblems(style)];
  return {
    schemas: { [SCHEMA]: DETAILS },
    responses: Object.fromEntries(responses.map(([status, names]) => [nameOf(status), problemResponse(names)])),
  };
}

/** The component that is the response to these problems. */
export function problemReference(status: string): { $ref: string } {
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

function byStatus(names: readonly ProblemName[]): Problems {
  const statuses = [...new Set(names.map((name) => PROBLEMS[name].status))];
  return new Map(statuses.map((status) => [`${status}`, names.filter((name) => PROBLEMS[name].status === status)]));
}

function nameOf(status: string): string {
  return status === 'default' ? 'E2eProblem' : `E2eProblem${status}`;
}
