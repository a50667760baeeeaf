import type { Logger } from '@nestjs/common';
import type { E2eRoutes } from '../routes/e2e.routes.js';

/** Lists what is sealed, in the form in which Nest lists its routes. */
export function logSealed(logger: Logger, routes: E2eRoutes): void {
  for (const path of routes.sealedPaths()) logger.log(`Sealed {${path}}: everything under it, both ways`);
  for (const { method, path, version, request, response } of routes.list()) {
    const directions = [request && 'request', response && 'response'].filter(Boolean).join(' and ');
    const ofVersion = version === undefined ? '' : ` (version: ${version})`;
    logger.log(`Sealed {${path}, ${method}}${ofVersion}: ${directions}`);
  }
}

/** @param names handlers with plain responses although `encryptByDefault` is set. */
export function warnOfPlain(logger: Logger, names: readonly string[]): void {
  if (names.length === 0) return;
  logger.warn(
    `The option "encryptByDefault" does not seal these, and they respond in the clear: ${names.join(', ')}. ` +
      'Mark them @Plain() if that is intended. To seal gateways, use E2eWsAdapter or E2eIoAdapter.',
  );
}
