export * from './base.js';
export { nobleMlKem } from '../../crypto/noble-ml-kem.js';
