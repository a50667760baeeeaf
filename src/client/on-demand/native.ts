export * from './core.js';
export { withNative } from '../../crypto/native.js';
