export * from './core.js';
export { nobleMlKem } from '../../crypto/noble-ml-kem.js';
