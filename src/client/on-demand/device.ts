export * from './base.js';
export { Device } from '../trust/device.js';
