export { E2eHttpModule } from './e2e-http.module.js';
export type { E2eHttpExtras, E2eHttpOptions } from './e2e-http.options.js';
export { E2eHttpService, getE2eHttpToken, InjectE2eHttp } from './e2e-http.service.js';
