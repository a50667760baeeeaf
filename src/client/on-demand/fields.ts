export * from './core.js';
export { findFields, openFields } from '../fields/fields.js';
