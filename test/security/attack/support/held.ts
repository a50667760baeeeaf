import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { keyPair } from '../../../external/conformance/peer.js';
import type { Harness } from './harness.js';
import type { Passing } from './proxy.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Sends the head of a handshake with this cookie, and keeps its body back. The function that comes back sends the body,
 * and gives the answer to the handshake.
 */
export async function heldHandshake(
  harness: Harness,
  cookie: string,
  members: object = {},
): Promise<() => Promise<Answer>> {
  const body = JSON.stringify({ publicKey: (await keyPair('X25519')).jwk, ...members });
  const headers = { cookie, 'content-type': 'application/json' };
  return heldRequest(harness, { method: 'POST', target: '/e2e/handshake', headers, body });
}

/** The same with any request that has a body and a cookie. */
export async function heldRequest(
  harness: Harness,
  { method, target, headers, body }: Passing,
): Promise<() => Promise<Answer>> {
  const framed = { ...headers, 'content-length': body.length };
  const out = request(harness.url + target, { method, headers: framed, agent: false });
  const answer = new Promise<Answer>((resolve, reject) => {
    out.on('error', reject).on('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then((body) => resolve({ status, headers, body }), reject);
    });
  });
  const arrived = once(harness.app.nest.getHttpServer() as Server, 'request');
  out.flushHeaders();
  out.write(body.slice(0, 1));
  await arrived;
  // Nothing says when its session has been loaded; that of a later request, which has been answered, was loaded after it.
  await harness.attacker(String(headers.cookie)).send({ target: '/bank/owner' });
  return async () => {
    out.end(body.slice(1));
    return answer;
  };
}
