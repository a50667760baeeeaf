export * from './base.js';
export { CallRecorder, checkDebug } from '../debug/recorder.js';
