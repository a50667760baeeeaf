import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';

// From dist/sample, where this file is compiled to.
const PAGE = fileURLToPath(new URL('../../sample/public', import.meta.url));
const LIBRARY = fileURLToPath(new URL('../esm', import.meta.url));

/** The page at `/`, and what it imports without a build step: the client's own modules, and node-forge as one. */
export function servePage(app: NestExpressApplication): void {
  const policy = contentSecurityPolicy(readFileSync(`${PAGE}/index.html`, 'utf8'));
  app.use((_req: Request, res: Response, next: NextFunction) => {
    res.setHeader('Content-Security-Policy', policy);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Referrer-Policy', 'no-referrer');
    next();
  });

  const forge = forgeModule();
  app.use('/vendor/forge.js', (_req: Request, res: Response) => res.type('text/javascript').send(forge));
  for (const folder of ['client', 'crypto', 'protocol']) {
    app.useStaticAssets(`${LIBRARY}/${folder}`, { prefix: `/lib/${folder}/`, index: false });
  }
  app.useStaticAssets(PAGE);
}

/** Only the application's own files run. An import map has to stand in the page itself, so it is allowed by its hash. */
function contentSecurityPolicy(html: string): string {
  const importMap = /<script type="importmap">([^]*?)<\/script>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(importMap).digest('base64');
  return [
    "default-src 'self'",
    `script-src 'self' 'sha256-${hash}'`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** node-forge is published as a CommonJS bundle; browsers load modules. */
function forgeModule(): string {
  const path = createRequire(import.meta.url).resolve('node-forge/dist/forge.min.js');
  return `const module = { exports: {} }, exports = module.exports;\n${readFileSync(path, 'utf8')}\nexport default module.exports;\n`;
}
