export * from './core.js';
export { PinnedIdentity, signerOf } from '../trust/identity.js';
