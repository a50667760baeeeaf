export * from './base.js';
export { withNative } from '../../crypto/native.js';
