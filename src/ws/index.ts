export { E2eWsAdapter, type E2eWsAdapterOptions } from './e2e-ws.adapter.js';
export type { SealedSocketOptions, SocketMiddleware } from '../sockets/adapter-support.js';
