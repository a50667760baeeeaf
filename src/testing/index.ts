export { e2eAgent, type E2eAgent, type E2eAgentOptions } from './agent.js';
export type { E2eCall, Assertion } from './call.js';
export { E2eExpectationError } from './expectations.js';
export { expectSealed, type SealedRequest } from './sealed.js';
export type { TestAnswer } from './answer.js';
export type { TestTarget, NestLike, ServerLike } from './target.js';
