import { request } from 'node:http';
import { keyPair } from '../../../external/conformance/peer.js';

/**
 * Sends the head of a handshake with this cookie, and keeps its body back. The function that comes back sends the body,
 * and gives the status that the handshake ends with.
 */
export async function heldHandshake(url: string, cookie: string): Promise<() => Promise<{ status: number }>> {
  const body = JSON.stringify({ publicKey: (await keyPair('X25519')).jwk });
  const headers = { cookie, 'content-type': 'application/json', 'content-length': body.length };
  const out = request(`${url}/e2e/handshake`, { method: 'POST', headers, agent: false });
  const status = new Promise<number>((resolve, reject) => {
    out.on('error', reject).on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
  out.flushHeaders();
  out.write(body.slice(0, 1));
  // Long enough for the head to arrive and its session to be loaded; nothing tells of either.
  await new Promise((resolve) => setTimeout(resolve, 100));
  return async () => {
    out.end(body.slice(1));
    return { status: await status };
  };
}
