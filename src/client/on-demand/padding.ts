export * from './base.js';
export { pad, padJson } from '../../protocol/padding.js';
