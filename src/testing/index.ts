export { e2eAgent, request, type E2eAgent } from './agent.js';
export type { E2eCall, Assertion, CallbackHandler } from './call.js';
export type { E2eAgentOptions } from './connection.js';
export { E2eExpectationError } from './expectations.js';
export type { MultipartValue, PartOptions } from './multipart.js';
export type { Parser, TestHttpError, TestRequest, TestResponse } from './response.js';
export { expectSealed, type SealedRequest } from './sealed.js';
export type { TestTarget, NestLike, ServerLike } from './target.js';
