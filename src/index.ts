export { E2eModule } from './nest/module/e2e.module.js';
export type { E2eExtras, E2eOptions, SealedHeaders } from './nest/options/e2e.options.js';
export {
  E2e,
  Encrypted,
  Plain,
  type ChannelFacts,
  type EncryptedOptions,
  type Sealing,
} from './nest/routes/encrypted.decorator.js';
export { KeyService } from './nest/keys/key.service.js';
export { E2eRoutes, type SealedRoute } from './nest/routes/e2e.routes.js';
export { E2eGuard } from './nest/exchange/e2e.guard.js';
export { E2eInterceptor } from './nest/exchange/e2e.interceptor.js';
export { E2eException } from './nest/request/e2e.exception.js';

export { E2eProblem, type ProblemDetails, type ProblemName } from './protocol/problem.js';
export type { KeyKind, PublicJwk, SigningJwk } from './protocol/keys.js';

export {
  E2eEvents,
  type E2eCounters,
  type E2eEvent,
  type SocketCounts,
  type SocketEndCause,
  type StreamCounts,
  type StreamDirection,
  type StreamFacts,
} from './channel/events.js';
export { MemoryReplayGuard, type ClaimResult, type ReplayGuard } from './channel/replay.js';
export type { OpenedMessage, PlainResponse, StreamHead, SealedHead } from './channel/message.js';
export type { Binding } from './channel/channels.js';
export type { HandshakeResponse } from './channel/handshake.js';
export type { IdentityKeyInput, PublishedIdentityKey } from './channel/identity.js';
export type { KeyPoolOptions, KeyPoolState } from './channel/key-pool.js';
