export * from './core.js';
export { findFields, readFields } from '../fields/fields.js';
