export { sealedTransport, type SocketIoTransport } from './sealed-transport.js';
