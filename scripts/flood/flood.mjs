// What a flood of handshakes does to everyone else: the time of sealed requests to the built sample, in a process of its
// own, while it is quiet, while as many connections ask for a plain page as fast as they can, and while they shake hands.
// The plain flood is the measure: it is what any HTTP server suffers from so many requests.
//
//   npm run flood -- [seconds of each, 10] [connections, 64]
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { createE2eClient } from '../../dist/esm/client/index.js';

const [seconds = 10, connections = 64] = process.argv.slice(2).map(Number);
/** Between two requests of the honest client. */
const PAUSE_MS = 5;
const BODY = JSON.stringify({ text: 'x'.repeat(1024) });

const server = await startSample();
try {
  const client = createE2eClient({ baseUrl: server.base, keyKind: 'X25519' });
  await measure(client, 2);
  console.log(
    `${cpus().length} cores, ${connections} connections, ${seconds} s each; milliseconds of a sealed request of 1 KiB\n`,
  );
  console.log('                   requests    p50    p99    max   the flood got');
  const handshakeOf = (publicKey) => ({ path: '/e2e/handshake', body: JSON.stringify({ publicKey }) });
  const jwkOf = ({ publicKey }) => publicKey.export({ format: 'jwk' });
  const rsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const x25519 = jwkOf(generateKeyPairSync('x25519'));
  const pub = Buffer.concat([ml_kem768.keygen().publicKey, Buffer.from(x25519.x, 'base64url')]).toString('base64url');
  /** @type {[string, object?][]} */
  const floods = [
    ['quiet'],
    ['plain requests', { path: '/health' }],
    ['RSA handshakes', handshakeOf(rsa)],
    ['X25519 handshakes', handshakeOf(x25519)],
    ['hybrid handshakes', handshakeOf({ kty: 'AKP', alg: 'MLKEM768-X25519', pub })],
  ];
  for (const [name, request] of floods) {
    const flood =
      request &&
      new Worker(new URL('./flooder.mjs', import.meta.url), {
        workerData: { base: server.base, connections, ...request },
      });
    const times = await measure(client, seconds);
    const answers = flood ? await stop(flood) : {};
    const got = Object.entries(answers).map(([status, count]) => `${status}: ${Math.round(count / seconds)}/s`);
    const figures = [0.5, 0.99, 1].map((share) => quantile(times, share).toFixed(1).padStart(6));
    console.log(`${name.padEnd(18)} ${String(times.length).padStart(8)} ${figures.join(' ')}   ${got.join(', ')}`);
  }
  client.close();
} finally {
  server.stop();
}

/** One sealed request after the other, each answered with what was sent; milliseconds of each. */
async function measure(client, forSeconds) {
  const times = [];
  for (const end = performance.now() + forSeconds * 1000; performance.now() < end;) {
    const begin = performance.now();
    const response = await client.fetch('/echo', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    });
    if ((await response.text()) !== BODY) throw new Error(`not an echo: ${response.status}`);
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return times.sort((a, b) => a - b);
}

function quantile(times, share) {
  return times[Math.min(times.length - 1, Math.floor(times.length * share))];
}

function stop(flood) {
  return new Promise((resolve, reject) => {
    flood.once('message', resolve).once('error', reject);
    flood.postMessage('stop');
  });
}

async function startSample() {
  const entry = fileURLToPath(new URL('../../dist/sample/main.js', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [entry], {
    env: { PATH, HOME, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const base = await new Promise((resolve, reject) => {
    let output = '';
    child.on('exit', () => reject(new Error(`the sample ended:\n${output}`)));
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const url = /http:\/\/localhost:\d+/.exec(output);
      if (url) resolve(url[0]);
    });
  });
  return { base, stop: () => child.kill() };
}
