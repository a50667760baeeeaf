export * from './base.js';
export { NobleEngine } from '../../crypto/noble.js';
