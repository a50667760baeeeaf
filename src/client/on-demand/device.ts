export * from './core.js';
export { Device } from '../trust/device.js';
