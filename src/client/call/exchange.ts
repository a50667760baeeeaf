// What turns a request into its message and a message into its answer: loaded with the first call.
export { readAnswer } from './response.js';
export { sealRequest } from './seal.js';
