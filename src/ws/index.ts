export { E2eWsAdapter, type E2eWsAdapterOptions, type SocketMiddleware } from './e2e-ws.adapter.js';
