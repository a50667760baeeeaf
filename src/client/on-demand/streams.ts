export * from './base.js';
export { readStream } from '../stream/answer-stream.js';
