export * from './core.js';
export { channelKeyFlaw } from '../../protocol/curve-keys.js';
