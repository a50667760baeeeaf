export * from './base.js';
export { readFields, sealFields } from '../fields/fields.js';
