export * from './core.js';
export { HybridEngine } from '../../crypto/hybrid.js';
