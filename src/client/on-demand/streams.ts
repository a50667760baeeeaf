export * from './core.js';
export { readStream } from '../stream/answer-stream.js';
