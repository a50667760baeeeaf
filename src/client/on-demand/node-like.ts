export * from './core.js';
export { NodeLikeEngine } from '../../crypto/node-like.js';
