import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { Findings } from './finding.js';
import type { DoctorRequest } from './probe.js';

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
    const response = await fetch(new URL(target, url), init).catch(() => undefined);
    const allowed = response?.headers ?? new Headers();
    const names = (allowed.get('access-control-allow-headers') ?? '').toLowerCase().split(/\s*,\s*/);
    if (!response) faults.add('the preflight is not answered');
    else if (allowed.get('access-control-allow-origin') !== origin) faults.add(`the origin ${origin} is not allowed`);
    else if (allowed.get('access-control-allow-credentials') !== 'true') {
      faults.add('credentials (the session cookie) are not allowed');
    } else if (!names.includes(header)) faults.add(`the header ${header} is not allowed`);
  }
  if (faults.size === 0) findings.add('cors-ok', origin);
  else findings.add('cors-refused', [...faults]);
}

/** The versions of HTTP that the server speaks. */
export async function checkHttpVersion(request: DoctorRequest, findings: Findings): Promise<void> {
  const version = await versionOf(request);
  // HTTP/2 is chosen during the TLS handshake (RFC 9113 §3.2).
  const isTls = request.url.protocol === 'https:';
  const has2 = isTls && (await offersHttp2(request));
  if (version === '1.0') findings.add('http-old');
  else findings.add('http-ok', [...(version === undefined ? [] : [version]), ...(has2 ? ['2'] : [])]);
  if (isTls && !has2) findings.add('http-without-2');
}

/** By which version of HTTP/1 it answers, if it does. */
function versionOf({ url, path, timeout }: DoctorRequest): Promise<string | undefined> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const asked = send(new URL(`${path}/identity`, url), { timeout, headers: { connection: 'close' } }, (response) => {
      response.resume();
      resolve(response.httpVersion);
    });
    asked.on('timeout', () => asked.destroy()).on('error', () => resolve(undefined));
    asked.on('close', () => resolve(undefined)).end();
  });
}

function offersHttp2({ url, timeout }: DoctorRequest): Promise<boolean> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      ALPNProtocols: ['h2', 'http/1.1'],
      ...(isIP(host) === 0 && { servername: host }),
    });
    socket.setTimeout(timeout, () => socket.destroy());
    socket.on('secureConnect', () => {
      resolve(socket.alpnProtocol === 'h2');
      socket.destroy();
    });
    socket.on('error', () => resolve(false)).on('close', () => resolve(false));
  });
}
