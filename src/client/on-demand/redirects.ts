export * from './core.js';
export { follow } from '../call/redirects.js';
