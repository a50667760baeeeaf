export * from './base.js';
export { LOADERS } from './loaders.js';
