export * from './core.js';
export { pad, padJson } from '../../protocol/padding.js';
