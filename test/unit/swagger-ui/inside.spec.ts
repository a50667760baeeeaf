import { expect, it } from '@jest/globals';
import { showInside } from '../../../src/swagger-ui/inside.js';

const schema = { $ref: '#/components/schemas/Note' };
const sealed = { 'application/jose': { schema, 'x-e2e-content-types': ['application/json', 'text/csv'] } };
const opened = { 'application/json': { schema }, 'text/csv': { schema } };
const problem = { 'application/problem+json': { schema: {} } };

function documentWith(operation: object) {
  return { openapi: '3.0.0', paths: { '/notes': { parameters: [], post: operation } } };
}

it('puts the media types inside in the place of the message, in requests and in answers', () => {
  const document = documentWith({
    'x-e2e-encryption': { request: true, response: true },
    summary: 'kept',
    requestBody: { required: true, content: sealed },
    responses: {
      201: { description: 'made', content: sealed },
      400: { description: '', content: { ...problem, ...sealed } },
    },
  });
  const before = structuredClone(document);
  expect(showInside(document)).toEqual(
    documentWith({
      'x-e2e-encryption': { request: true, response: true },
      summary: 'kept',
      requestBody: { required: true, content: opened },
      responses: {
        201: { description: 'made', content: opened },
        400: { description: '', content: { ...problem, ...opened } },
      },
    }),
  );
  expect(document).toEqual(before);
});

it('puts the media types inside in the place of a stream, too, each with its own schema', () => {
  const file = { type: 'string', format: 'binary' };
  const either = {
    'application/jose': {
      schema: { oneOf: [schema, file] },
      'x-e2e-content-types': ['application/json', 'application/pdf'],
    },
    'application/vnd.e2e.stream': { schema: file, 'x-e2e-content-types': ['application/pdf'] },
  };
  const events = { 'application/vnd.e2e.stream': { 'x-e2e-content-types': ['text/event-stream'] } };
  const operation = {
    'x-e2e-encryption': { request: true, response: true },
    requestBody: { content: either },
    responses: { 200: { description: '', content: events } },
  };
  const opened = showInside(documentWith(operation)).paths['/notes'].post as typeof operation;
  const { content } = opened.requestBody;
  expect(Object.keys(content)).toEqual(['application/json', 'application/pdf']);
  expect(content).toHaveProperty(['application/pdf', 'schema'], file);
  expect(opened.responses[200].content).toEqual({ 'text/event-stream': {} });
});

it('takes for JSON what has a schema and no type, and shows nothing where nothing is known', () => {
  const mark = { 'x-e2e-encryption': { request: true, response: true } };
  const written = { requestBody: { content: { 'application/jose': { schema } } } };
  const answers = { 201: { description: '', content: { 'application/jose': {} } } };
  expect(showInside(documentWith({ ...mark, ...written, responses: answers }))).toEqual(
    documentWith({
      ...mark,
      requestBody: { content: { 'application/json': { schema } } },
      responses: { 201: { description: '' } },
    }),
  );
});

it.each([
  ['what is not marked', documentWith({ requestBody: { content: sealed }, responses: { 201: { content: sealed } } })],
  ['references', documentWith({ 'x-e2e-encryption': {}, responses: { 428: { $ref: '#/components/responses/A' } } })],
  ['an operation without bodies', documentWith({ 'x-e2e-encryption': {} })],
  ['a document without paths', { openapi: '3.1.0', paths: {} }],
])('leaves %s as it is', (_what, document) => {
  expect(showInside(document)).toEqual(document);
});
