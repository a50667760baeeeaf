import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { deviceBinding } from '../settings.js';

/** A file as it is served. All files are read at start, so that no request can ask for any other. */
interface PageFile {
  type: string;
  body: Buffer;
}

export interface Page {
  /** By path. */
  files: ReadonlyMap<string, PageFile>;
  contentSecurityPolicy: string;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// From dist/sample/page, where this file is compiled to.
const PUBLIC = new URL('../../../sample/public/', import.meta.url);
const LIBRARY = new URL('../../esm/', import.meta.url);

/** The page's own files, the client as the package has it (`/lib/`), node-forge and @noble/post-quantum (`/vendor/`). */
export function loadPage(): Page {
  const files = new Map([
    ...readFolder(PUBLIC, '/'),
    ...['client', 'crypto', 'debug', 'protocol'].flatMap((folder) =>
      readFolder(new URL(`${folder}/`, LIBRARY), `/lib/${folder}/`),
    ),
  ]);
  for (const [path, file] of nobleFiles()) files.set(path, file);
  files.set('/vendor/forge.js', { type: TYPES['.js']!, body: Buffer.from(forgeModule()) });
  const html = files
    .get('/index.html')!
    .body.toString()
    .replace('data-device-binding="off"', `data-device-binding="${deviceBinding}"`);
  files.set('/', { type: TYPES['.html']!, body: Buffer.from(html) });
  return { files, contentSecurityPolicy: contentSecurityPolicy(html) };
}

function readFolder(folder: URL, path: string): [string, PageFile][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => extname(name) in TYPES)
    .map((name) => [path + name, { type: TYPES[extname(name)]!, body: readFileSync(new URL(name, folder)) }]);
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
  // Its bundler's way to the global object compiles text, which the policy above forbids.
  const bundle = readFileSync(path, 'utf8').replace('new Function("return this")()', 'globalThis');
  return `const module = { exports: {} }, exports = module.exports;\n${bundle}\nexport default module.exports;\n`;
}

/** ML-KEM-768 of @noble/post-quantum and what it imports, for browsers that have none: modules, as they are published. */
function nobleFiles(): [string, PageFile][] {
  const mlKem = createRequire(import.meta.url).resolve('@noble/post-quantum/ml-kem.js');
  const { resolve } = createRequire(mlKem);
  const packages = {
    'post-quantum': [dirname(mlKem), 'ml-kem.js', '_crystals.js', 'utils.js'],
    curves: [dirname(resolve('@noble/curves/utils.js')), 'abstract/fft.js', 'abstract/modular.js', 'utils.js'],
    hashes: [dirname(resolve('@noble/hashes/sha3.js')), 'sha3.js', '_u64.js', 'utils.js'],
  };
  return Object.entries(packages).flatMap(([name, [folder = '', ...files]]) =>
    files.map((file): [string, PageFile] => [
      `/vendor/noble/${name}/${file}`,
      { type: TYPES['.js']!, body: readFileSync(join(folder, file)) },
    ]),
  );
}
