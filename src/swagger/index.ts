export { sealDocument } from './seal-document.js';
export { setupSealedSwagger, type SealedSwaggerClientOptions, type SealedSwaggerOptions } from './setup.js';
