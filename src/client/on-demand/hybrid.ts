export * from './base.js';
export { HybridEngine } from '../../crypto/hybrid.js';
