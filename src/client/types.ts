export type { ChannelFacts, E2eClient } from './client.js';
export { E2eClientError, type E2eClientErrorCode } from './errors.js';
export type { DeviceKey, DeviceKeyOption } from './trust/device.js';
export type { DeviceStorage, StoredDevice } from './trust/device-storage.js';
export type { E2eClientOptions, ResendRequest, WebSocketClass } from './options.js';
export type { E2eWebSocket, E2eWebSocketConstructor, E2eWebSocketEventMap } from './socket/own-socket.js';
export type { E2eProgress, E2eRequestInit } from './call/request.js';
export type {
  E2eErrorEvent,
  E2eEventSource,
  E2eEventSourceEventMap,
  E2eEventSourceInit,
} from './events/event-source.js';
export type { KeyKind, SigningJwk } from '../protocol/jwk.js';
export type { ProblemName } from '../protocol/problem-name.js';
export type { CryptoEngine } from '../protocol/crypto.js';
