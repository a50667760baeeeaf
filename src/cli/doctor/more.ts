import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { WebSocketClass } from '../../client/options.js';
import type { Findings } from './finding.js';
import { Probe, reasonOf, type DoctorRequest } from './probe.js';

/** A response in pieces that takes longer than this must not arrive all at once. */
const MIN_STREAM_MS = 400;
/** Of a buffered response all pieces arrive within this part of the time. */
const BUFFERED_PART = 0.2;

/** Checks that need to be told a route, a gateway or an origin. */
export async function checkMore(
  request: DoctorRequest,
  probe: Probe,
  findings: Findings,
  webSocket: () => WebSocketClass,
): Promise<void> {
  if (request.stream !== undefined) await checkStream(request, probe, request.stream, findings);
  if (request.socket !== undefined) await checkSocket(request, request.socket, findings, webSocket());
}

/** Pages of another origin: the preflights of the handshake and of a sealed call. */
export async function checkCors(
  { url, path, origin, route, timeout }: DoctorRequest,
  findings: Findings,
): Promise<void> {
  if (origin === undefined) return;
  const faults = new Set<string>();
  const wanted = [
    { target: `${path}/handshake`, method: 'POST', header: 'content-type' },
    { target: route ?? 'e2e-doctor', method: 'GET', header: 'e2e-request' },
  ];
  for (const { target, method, header } of wanted) {
    const asked: Record<string, string> = {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': header,
    };
    const init: RequestInit = { method: 'OPTIONS', headers: asked, signal: AbortSignal.timeout(timeout) };
    const { headers: allowed } = await fetch(new URL(target, url), init);
    const names = (allowed.get('access-control-allow-headers') ?? '').toLowerCase().split(/\s*,\s*/);
    if (allowed.get('access-control-allow-origin') !== origin) faults.add(`the origin ${origin} is not allowed`);
    else if (allowed.get('access-control-allow-credentials') !== 'true') {
      faults.add('credentials (the session cookie) are not allowed');
    } else if (!names.includes(header)) faults.add(`the header ${header} is not allowed`);
  }
  if (faults.size === 0) findings.ok('cors', `Pages of ${origin} may make handshakes and sealed calls.`);
  else {
    const fix = 'See "From another origin (CORS)" in docs/browsers.md for what the server must allow.';
    findings.fail('cors', `${[...faults].join('; ')}.`, fix);
  }
}

/** By which version of HTTP the server answers this machine. */
export async function checkHttpVersion({ url, path, timeout }: DoctorRequest, findings: Findings): Promise<void> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const version = await new Promise<string>((resolve, reject) => {
    const asked = send(new URL(`${path}/identity`, url), { timeout, headers: { connection: 'close' } }, (response) => {
      response.resume();
      resolve(response.httpVersion);
    });
    asked.on('timeout', () => asked.destroy(new Error('timeout'))).on('error', reject);
    asked.end();
  }).catch(() => undefined);
  if (version === undefined) return;
  if (version === '1.0') {
    findings.warn(
      'http',
      'The server answers with HTTP/1.0: each response costs a connection.',
      'Have the proxy speak HTTP/1.1 or later.',
    );
  } else findings.ok('http', `The server answers with HTTP/${version}.`);
}

async function checkStream({ timeout }: DoctorRequest, probe: Probe, route: string, findings: Findings): Promise<void> {
  const fix =
    'Turn off buffering and compression of application/vnd.e2e.stream (nginx: proxy_buffering off, gzip_types).';
  const from = performance.now();
  const times: number[] = [];
  const late = AbortSignal.timeout(timeout);
  try {
    const { body, status } = await probe.client.fetch(route, { signal: late });
    if (status >= 400) {
      findings.warn('stream', `${route} responded with ${status}.`, 'Name a route that streams: --stream.');
      return;
    }
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      if (chunk.length > 0) times.push(performance.now() - from);
    }
  } catch (error) {
    if (!late.aborted) {
      findings.fail('stream', `${route} broke off: ${reasonOf(error as Error)}`, 'See docs/streams.md.');
      return;
    }
  }
  const [first, last = 0] = [times[0], times.at(-1)];
  if (first === undefined) {
    findings.fail(
      'stream',
      `Nothing of ${route} arrived within ${timeout / 1000} s: the proxy collects the response first.`,
      fix,
    );
  } else if (last > MIN_STREAM_MS && last - first < BUFFERED_PART * last) {
    findings.fail(
      'stream',
      `All of ${route} arrived at once, after ${Math.round(last)} ms: the proxy collects the response first.`,
      fix,
    );
  } else findings.ok('stream', `${route} arrived in pieces, the first after ${Math.round(first)} ms.`);
}

async function checkSocket(
  request: DoctorRequest,
  path: string,
  findings: Findings,
  webSocket: WebSocketClass,
): Promise<void> {
  const { client } = new Probe(request, 'X25519', webSocket);
  const fix =
    'Have the proxy pass on upgrades (nginx: proxy_http_version 1.1, and the headers Upgrade and Connection). See docs/sockets.md.';
  const socket = client.webSocket(path);
  const ended = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve('timeout'), request.timeout);
    const end = (how: string | undefined): void => {
      clearTimeout(timer);
      resolve(how);
    };
    socket.onopen = () => end(undefined);
    socket.onclose = ({ code, reason }) => end(`${code}${reason && ` ${reason}`}`);
  });
  client.close();
  if (ended === undefined) findings.ok('socket', `The sealed socket ${path} opened.`);
  else findings.fail('socket', `The sealed socket ${path} did not open (${ended}).`, fix);
}
