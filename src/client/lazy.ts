// The client as browsers' pages load it: the parts that a page may not need are loaded on demand.
export { createE2eClient } from './client.js';
export * from './types.js';
