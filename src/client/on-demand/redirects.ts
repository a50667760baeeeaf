export * from './base.js';
export { follow } from '../call/redirects.js';
