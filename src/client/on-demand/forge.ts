export * from './core.js';
export { ForgeEngine } from '../../crypto/forge.js';
