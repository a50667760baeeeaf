export * from './base.js';
export { NodeLikeEngine } from '../../crypto/node-like.js';
