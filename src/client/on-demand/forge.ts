export * from './base.js';
export { ForgeEngine } from '../../crypto/forge.js';
