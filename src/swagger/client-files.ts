import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { HERE } from '../nest/options/here.js';

/** Where the plug-in's files are served: in folders of the built package, and in folders of these. */
export const CLIENT_ROUTES = [':folder/:file', ':folder/:inner/:file'];

/** What the plug-in is made of: files of the built package, as browsers load them. */
const FILE = /^(client|crypto|protocol|swagger-ui)(\/[a-z][a-z\d-]*){1,2}\.js$/;

const FORGE = 'vendor/node-forge.js';

/** The first of them, as Swagger UI's page names it. */
export const LOADER = 'swagger-ui/load.js';

/**
 * Swagger UI's page takes classic scripts and begins with its `load` event, which waits for what is put in before. The
 * plug-in is a module. It is a file because a strict policy forbids inline scripts.
 */
const LOADER_SCRIPT = `document.head.append(
  Object.assign(document.createElement('script'), {
    type: 'module',
    src: new URL('plugin.js', document.currentScript.src).href,
  }),
);
`;

const read = new Map<string, string>();

/** Whether a path is one that the plug-in may load. */
export function isClientFile(path: string): boolean {
  return FILE.test(path) || path === FORGE;
}

/** A file of the plug-in, or `undefined` if there is none at this path. */
export function clientFile(path: string): string | undefined {
  if (path === LOADER) return LOADER_SCRIPT;
  const known = read.get(path);
  if (known !== undefined) return known;
  if (!isClientFile(path)) return undefined;
  const text = path === FORGE ? forgeModule() : readBuilt(path);
  if (text !== undefined) read.set(path, text);
  return text;
}

function readBuilt(path: string): string | undefined {
  const file = new URL(`dist/esm/${path}`, packageFolder());
  if (!existsSync(file)) return undefined;
  // Browsers do not resolve packages, and an import map would be an inline script.
  return readFileSync(file, 'utf8').replace("from 'node-forge'", `from '../${FORGE}'`);
}

/** The folder that this package is installed in, whichever build this is. */
function packageFolder(): URL {
  for (let folder = new URL('./', HERE); ; folder = new URL('../', folder)) {
    if (existsSync(new URL('dist/esm/client/index.js', folder))) return folder;
    if (folder.pathname === new URL('../', folder).pathname) {
      throw new Error('setupSealedSwagger: the files of nestjs-e2e-encryption were moved after its build.');
    }
  }
}

/** node-forge, for pages on plain HTTP. It is published as a CommonJS bundle; browsers load modules. */
function forgeModule(): string {
  const path = createRequire(HERE).resolve('node-forge/dist/forge.min.js');
  // Its bundler's way to the global object compiles text, which a strict policy forbids.
  const bundle = readFileSync(path, 'utf8').replace('new Function("return this")()', 'globalThis');
  return `const module = { exports: {} }, exports = module.exports;\n${bundle}\nexport default module.exports;\n`;
}
