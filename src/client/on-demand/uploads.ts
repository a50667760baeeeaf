export * from './base.js';
export * from '../upload/uploads.js';
