export * from './core.js';
export { CallRecorder, checkDebug } from '../debug/recorder.js';
