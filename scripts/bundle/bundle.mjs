// What the client costs a page: dist/esm/client bundled and minified by esbuild, each chunk as it is and under brotli 11.
import { basename, relative } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLIENT = 'dist/esm/client/lazy.js';
const WHOLE = 'dist/esm/client/index.js';
const FORGE = 'node-forge';

/** @satisfies {import('esbuild').BuildOptions} */
const SETTINGS = {
  absWorkingDir: ROOT,
  outdir: 'bundle',
  bundle: true,
  write: false,
  minify: true,
  format: 'esm',
  platform: 'browser',
  legalComments: 'none',
  logLevel: 'error',
};

/** Every dynamic import of the client: which page loads it, and whether one that changes no option ever does. */
const ON_DEMAND = {
  'client/on-demand/core.js': ['the first call of any page: engine, handshake, channel, sealing and opening', true],
  'client/messages.js': ['an error: its sentence', false],
  'client/on-demand/redirects.js': ['a sealed redirect', false],
  'client/on-demand/identity.js': ['identityKeys, or a server that has one: the pins', false],
  'client/on-demand/device.js': ['deviceKey', false],
  'client/call/cookies.js': ['platforms without cookies, no browser', false],
  'client/on-demand/streams.js': ['answers in frames', false],
  'client/on-demand/events.js': ['eventSource', false],
  'client/on-demand/sockets.js': ['webSocket', false],
  'client/on-demand/debug.js': ['debug', false],
  'client/on-demand/fields.js': ['the option fields of a call: single encrypted fields', false],
  'client/on-demand/uploads.js': ['bodies in frames: over 64 KiB, files, forms, streams', false],
  'client/on-demand/padding.js': ['padding', false],
  'client/on-demand/curves.js': ['keyKind other than RSA: checks of keys', false],
  'protocol/outer-headers.js': ['sealed header fields other than the usual: which are not allowed', false],
  'crypto/web-verifier.js': ['identityKeys: signatures', false],
  'client/on-demand/engines.js': ['engines other than WebCrypto, hybrid keys: which engine it is', false],
  'client/on-demand/native.js': ['Node, no browser: hashes and AES without a thread', false],
  'client/on-demand/node-like.js': ['a module like node:crypto as the engine (React Native)', false],
  'client/on-demand/hybrid.js': ['keyKind MLKEM768-X25519, by the WebCrypto of the page', false],
  'client/on-demand/ml-kem.js': [
    'the same, where WebCrypto has no ML-KEM-768: with what it takes of @noble/post-quantum',
    false,
  ],
  'client/on-demand/noble.js': [
    'no WebCrypto (plain HTTP, React Native), keyKind other than RSA: what makes an engine of @noble',
    false,
  ],
  'client/on-demand/forge.js': ['no WebCrypto (plain HTTP): what makes an engine of node-forge', false],
};

/**
 * - `initial`: everything that loads with the client's entry, dynamic imports left out;
 * - `default`: `initial`, and what the first call of a page that changes no option imports beside;
 * - `whole`: the entry for service workers and everything else that is no page: all of it but the engines in
 *   JavaScript in one file;
 * - `chunks`: what is imported on demand, each with what it is for, and what it adds to what is there by then. Where two
 *   of them share a file, both are charged for it. `default` of a chunk: whether every page loads it.
 */
export async function measureBundle() {
  const { outputs, contents } = await bundle();
  const entryOf = (source) => Object.keys(outputs).find((path) => isFrom(outputs[path].entryPoint, source));
  const initial = closure(outputs, entryOf(CLIENT));
  const unknown = dynamicImports(outputs).filter((path) => !nameOf(outputs[path].entryPoint));
  if (unknown.length > 0) throw new Error(`scripts/bundle/bundle.mjs does not know what ${unknown.join(', ')} is for`);

  const sizeOf = (paths) => {
    const sizes = [...paths].map((path) => contents.get(path));
    const total = (size) => sizes.reduce((sum, bytes) => sum + size(bytes), 0);
    return { raw: total((bytes) => bytes.length), brotli: total(brotli), files: sizes.length };
  };
  const pathsOf = (name) => {
    const path = entryOf(name);
    if (!path) throw new Error(`${name} is no chunk of the client any more`);
    return closure(outputs, path);
  };
  const everyPage = new Set(initial);
  for (const [name, [, isDefault]] of Object.entries(ON_DEMAND)) {
    if (isDefault) pathsOf(name).forEach((path) => everyPage.add(path));
  }
  const chunks = Object.entries(ON_DEMAND).map(([name, [entry, isDefault]]) => {
    const loaded = isDefault ? initial : everyPage;
    const paths = [...pathsOf(name)].filter((path) => !loaded.has(path));
    return { name, ...sizeOf(paths), entry, default: isDefault };
  });
  chunks.push({
    name: FORGE,
    ...(await forgeSize()),
    files: 1,
    entry: 'no WebCrypto (plain HTTP): node-forge itself',
    default: false,
  });
  return { initial: sizeOf(initial), default: sizeOf(everyPage), whole: await wholeSize(), chunks };
}

async function bundle() {
  const { outputFiles, metafile } = await build({
    ...SETTINGS,
    entryPoints: [CLIENT],
    metafile: true,
    splitting: true,
    external: [FORGE],
  });
  const contents = new Map(outputFiles.map(({ path, contents }) => [posix(relative(ROOT, path)), contents]));
  return { outputs: metafile.outputs, contents };
}

async function wholeSize() {
  const { outputFiles } = await build({
    ...SETTINGS,
    entryPoints: [WHOLE],
    outdir: 'whole',
    external: [FORGE, '*/forge.js', '*/native.js', '*/node-like.js', '*/noble.js', '*/noble-ml-kem.js'],
  });
  const [{ contents }] = outputFiles;
  return { raw: contents.length, brotli: brotli(contents), files: 1 };
}

/** By itself, since it is CommonJS: what esbuild adds to load that would count as the client's. */
async function forgeSize() {
  const { outputFiles } = await build({ ...SETTINGS, entryPoints: [FORGE] });
  const [{ contents }] = outputFiles;
  return { raw: contents.length, brotli: brotli(contents) };
}

/** A chunk and all that it imports statically. */
function closure(outputs, path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const { path: next, kind, external } of outputs[path].imports) {
    if (kind === 'import-statement' && !external) closure(outputs, next, found);
  }
  return found;
}

function dynamicImports(outputs) {
  return Object.values(outputs).flatMap(({ imports }) =>
    imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path),
  );
}

function nameOf(entryPoint) {
  return Object.keys(ON_DEMAND).find((name) => isFrom(entryPoint, name));
}

function isFrom(entryPoint, name) {
  return entryPoint?.endsWith(name) ?? false;
}

function brotli(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

function posix(path) {
  return path.replaceAll('\\', '/');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const report = await measureBundle();
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(report, null, 2));
  } else {
    const line = (name, { raw, brotli }, note) =>
      console.log(`${name.padEnd(24)}${String(raw).padStart(9)}${String(brotli).padStart(9)}  ${note}`);
    line('', { raw: 'raw', brotli: 'brotli' }, '');
    line('initial', report.initial, 'what the entry loads');
    for (const chunk of report.chunks) line(`+ ${basename(chunk.name)}`, chunk, chunk.entry);
    line('whole', report.whole, 'the entry for service workers, in one file');
    line('default page', report.default, 'initial, and what the first call of every page loads beside');
  }
}
