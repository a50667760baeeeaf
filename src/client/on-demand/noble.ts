export * from './core.js';
export { NobleEngine } from '../../crypto/noble.js';
