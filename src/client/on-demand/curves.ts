export * from './base.js';
export { channelKeyFlaw } from '../../protocol/curve-keys.js';
