export { E2eIoAdapter, type E2eIoAdapterOptions } from './e2e-io.adapter.js';
export type { SealedSocketOptions, SocketMiddleware } from '../sockets/adapter-support.js';
