export * from './core.js';
export * from '../upload/uploads.js';
