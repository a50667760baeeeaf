export * from './base.js';
export { loadOtherEngine } from '../handshake/other-engines.js';
