import { once } from 'node:events';
import { request, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { keyPair } from '../../../external/conformance/peer.js';
import type { Harness } from './harness.js';

/**
 * Sends the head of a handshake with this cookie, and keeps its body back. The function that comes back sends the body,
 * and gives the answer to the handshake.
 */
export async function heldHandshake(
  harness: Harness,
  cookie: string,
  members: object = {},
): Promise<() => Promise<{ status: number; body: string }>> {
  const body = JSON.stringify({ publicKey: (await keyPair('X25519')).jwk, ...members });
  const headers = { cookie, 'content-type': 'application/json', 'content-length': body.length };
  const out = request(`${harness.url}/e2e/handshake`, { method: 'POST', headers, agent: false });
  const answer = new Promise<{ status: number; body: string }>((resolve, reject) => {
    out.on('error', reject).on('response', (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
  });
  const arrived = once(harness.app.nest.getHttpServer() as Server, 'request');
  out.flushHeaders();
  out.write(body.slice(0, 1));
  await arrived;
  // Nothing says when its session has been loaded; that of a later request, which has been answered, was loaded after it.
  await harness.attacker(cookie).send({ target: '/bank/owner' });
  return async () => {
    out.end(body.slice(1));
    return answer;
  };
}
