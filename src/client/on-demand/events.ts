export * from './core.js';
export { start } from '../events/source.js';
