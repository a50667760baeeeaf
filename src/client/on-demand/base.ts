// What a page has by its first call. Every part that shares a module with it exports it too: esbuild makes one file of
// the modules that the same parts import, and so one file of all of this, instead of one for each group of parts.
export { makeClient } from '../client.js';
export { Core } from '../core.js';
