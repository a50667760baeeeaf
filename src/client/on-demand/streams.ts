export * from './core.js';
export { openAnswerStream } from '../stream/answer-stream.js';
