export * from './core.js';
export { loadOtherEngine } from '../handshake/other-engines.js';
