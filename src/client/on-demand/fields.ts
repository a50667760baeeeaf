export * from './core.js';
export { readFields, sealFields } from '../fields/fields.js';
