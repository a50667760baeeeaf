export * from './base.js';
export { start } from '../events/source.js';
