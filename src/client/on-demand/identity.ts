export * from './base.js';
export { PinnedIdentity, signerOf } from '../trust/identity.js';
