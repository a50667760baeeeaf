export type { ProblemStyle } from './problems.js';
export { sealDocument, type SealDocumentOptions } from './seal-document.js';
export { setupSealedSwagger, type SealedSwaggerClientOptions, type SealedSwaggerOptions } from './setup.js';
