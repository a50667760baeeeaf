import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { jsonOf } from '../bodies.mjs';
import { startChild } from '../children.mjs';
import { show, table } from '../report.mjs';
import { spread } from '../stats.mjs';

// Row 6: the client in a real Chromium, against a plain fetch of the same page.

const CONTENDERS = [
  ['RSA', 'web'],
  ['P-256', 'web'],
  ['X25519', 'web'],
  ['MLKEM768-X25519', 'web'],
  ['RSA', 'forge'],
];
const CLIENT = fileURLToPath(new URL('../../../dist/esm/client/index.js', import.meta.url));

export const title = 'The client in Chromium';

export async function measure({ rounds, calls, log }) {
  const executablePath = findChromium();
  if (!executablePath) {
    log('not measured: there is no Chromium here (or say where in CHROMIUM_PATH)');
    return {};
  }
  const server = await startChild('./server.mjs');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const figures = {};
  try {
    const context = await browser.newContext();
    const base = `http://127.0.0.1:${server.facts.port}`;
    await serveClient(context, base);
    const page = await context.newPage();
    await page.goto(`${base}/bench/page`);
    const body = jsonOf(1024);
    log('a plain fetch');
    const plain = await page.evaluate(callPlain, { body, calls });
    figures['browser.plain.call'] = spread(plain);
    figures['browser.plain.wire'] = spread([await wireOf(page, () => page.evaluate(callPlain, { body, calls: 1 }))]);
    for (const [keyKind, engine] of CONTENDERS) {
      log(`${keyKind}, ${engine}`);
      const name = `browser.${keyKind}, ${engine}`;
      const options = { keyKind, engine, body, calls, rounds: engine === 'forge' ? Math.min(3, rounds) : rounds };
      const { handshakes, times } = await page.evaluate(callSealed, options);
      figures[`${name}.handshake`] = spread(handshakes);
      figures[`${name}.call`] = spread(times);
      const again = () => page.evaluate(shakeAgain, { keyKind, engine });
      figures[`${name}.handshakeWire`] = spread([await wireOf(page, again, '/e2e/handshake')]);
      figures[`${name}.wire`] = spread([await wireOf(page, () => page.evaluate(callAgain, { body }))]);
    }
  } finally {
    await browser.close();
    await server.stop();
  }
  return figures;
}

/** In the page. Milliseconds of each call. */
async function callPlain({ body, calls }) {
  const times = [];
  for (let index = 0; index < calls; index++) {
    const begin = performance.now();
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const answer = await (await fetch('/plain/echo', init)).text();
    times.push(performance.now() - begin);
    if (answer !== body) throw new Error('not an echo');
  }
  return times;
}

/** In the page. Milliseconds of each handshake by a new client, and of each call on the last one. */
async function callSealed({ keyKind, engine, body, calls, rounds }) {
  // In a constant: the compiler looks for what is named in the call.
  const library = '/bench/index.js';
  const { createE2eClient } = await import(library);
  const handshakes = [];
  const times = [];
  let client;
  for (let round = 0; round < rounds; round++) {
    client = createE2eClient({ keyKind, engine });
    const begin = performance.now();
    await client.handshake();
    // The first loads the engine.
    if (round > 0) handshakes.push(performance.now() - begin);
  }
  const call = async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const answer = await (await client.fetch('/sealed/echo', init)).text();
    if (answer !== body) throw new Error('not an echo');
  };
  for (let index = 0; index < calls; index++) {
    const begin = performance.now();
    await call();
    times.push(performance.now() - begin);
  }
  globalThis.callAgain = call;
  return { handshakes, times };
}

/** In the page. */
const callAgain = () => globalThis.callAgain();

/** In the page. */
async function shakeAgain({ keyKind, engine }) {
  const library = '/bench/index.js';
  const { createE2eClient } = await import(library);
  await createE2eClient({ keyKind, engine }).handshake();
}

/** Bytes of one call's two bodies, as they travel. */
async function wireOf(page, work, path = '/echo') {
  const finished = page.waitForEvent('requestfinished', { predicate: (request) => request.url().endsWith(path) });
  await work();
  const { requestBodySize, responseBodySize } = await (await finished).sizes();
  return requestBodySize + responseBodySize;
}

/** The client as a bundler leaves it, in chunks, and an empty page: answered here, without asking the server. */
async function serveClient(context, base) {
  const { outputFiles } = await build({
    entryPoints: [CLIENT],
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    outdir: '/bench',
  });
  const files = new Map(outputFiles.map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text]));
  await context.route(`${base}/bench/*`, (route) => {
    const name = new URL(route.request().url()).pathname.slice('/bench/'.length);
    const source = files.get(name);
    return source === undefined
      ? route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Bench</title>' })
      : route.fulfill({ contentType: 'text/javascript', body: source });
  });
}

function findChromium() {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const paths = CHROMIUM_PATH ? [CHROMIUM_PATH] : PATH.split(delimiter).map((folder) => join(folder, 'chromium'));
  return paths.find((path) => existsSync(path));
}

export function print(figures) {
  const names = [...new Set(Object.keys(figures).map((key) => key.split('.')[1]))];
  return table(
    ['a POST of 1 KiB', 'handshake ms', 'its bytes both ways', 'call ms', 'bytes both ways'],
    names.map((name) => {
      const of = (figure, digits) => show(figures[`browser.${name}.${figure}`], digits);
      return [name, of('handshake', 1), of('handshakeWire', 0), of('call', 1), of('wire', 0)];
    }),
  );
}
