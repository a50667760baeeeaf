import type { Opening, SocketPeer } from './peer.js';

/** First messages that open no socket at this target, whatever library has it: what they are answered with, and the code. */
export const refusedOpenings = (
  target: string,
  other: string,
): [what: string, opening: Opening, problem: string, code: number][] => [
  ['a binary first message', { first: Buffer.from('x') }, 'message-required', 4415],
  ['what is no message', { first: 'x' }, 'message-rejected', 4400],
  ['an empty text', { first: '' }, 'message-rejected', 4400],
  ['JSON', { first: '{"event":"echo"}' }, 'message-rejected', 4400],
  ['a head that is too long', { first: 'x'.repeat(40_000) }, 'message-rejected', 4400],
  ['a head of a request without frames', { members: { frames: undefined } }, 'message-rejected', 4400],
  ['the head of an upload', { members: { frames: 'body', cty: 'text/plain' } }, 'message-rejected', 4400],
  ['a head with a media type', { members: { cty: 'text/plain' } }, 'message-rejected', 4400],
  ['a head of another path', { members: { target: other } }, 'message-rejected', 4400],
  ['a head with a query that was not asked for', { members: { target: `${target}?a=1` } }, 'message-rejected', 4400],
  ['a head of another method', { members: { method: 'POST' } }, 'message-rejected', 4400],
  ['a head of a request that names an Idempotency-Key', { members: { idem: 'x' } }, 'message-rejected', 4400],
  ['a head of an unknown channel', { members: { kid: 'A'.repeat(43) } }, 'handshake-required', 4428],
  ['a subprotocol twice', { protocols: ['v1', 'v1'] }, 'message-rejected', 4400],
  ['a plain message', { members: { alg: 'RSA-OAEP-256' } }, 'message-rejected', 4400],
];

/**
 * What ends a socket at once, whatever library has it, without a handler.
 *
 * @param text runs a handler where it arrives as it is; `silent` may run one.
 */
export const breakings = (
  text: string,
  silent: string,
  limit: number,
): [what: string, act: (peer: SocketPeer, other: SocketPeer) => void][] => [
  ['a flipped bit', (peer) => peer.raw.send(flipped(peer.seal(3, text)))],
  ['a message a second time', (peer) => twice(peer, peer.seal(3, silent))],
  ['a message left out', (peer) => leftOut(peer, text)],
  ['a message of another socket', (peer, other) => peer.raw.send(other.seal(3, text))],
  ['another kind', (peer) => peer.raw.send(Buffer.concat([Buffer.of(0), peer.seal(3, text).subarray(1)]))],
  ['an unknown kind', (peer) => peer.raw.send(peer.seal(4, text))],
  ['a text message after the head', (peer) => peer.raw.send(text)],
  ['a message cut short', (peer) => peer.raw.send(peer.seal(3, text).subarray(0, -1))],
  ['an empty message', (peer) => peer.raw.send(Buffer.alloc(0))],
  ['a text that is not UTF-8', (peer) => peer.raw.send(peer.seal(3, Buffer.of(0xff)))],
  ['that the client gave up', (peer) => peer.raw.send(peer.seal(2, ''))],
  ['an end of a code that none may have', (peer) => peer.raw.send(peer.seal(1, Buffer.of(3, 237)))],
  ['a message over the limit', (peer) => peer.raw.send(peer.seal(0, Buffer.alloc(limit + 1)))],
  ['an outer close without an end', (peer) => peer.raw.close(3000, 'in the clear')],
];

function flipped(message: Buffer): Buffer {
  message[5]! ^= 1;
  return message;
}

function twice(peer: SocketPeer, message: Buffer): void {
  peer.raw.send(message);
  peer.raw.send(message);
}

function leftOut(peer: SocketPeer, text: string): void {
  peer.seal(3, text);
  peer.send(text);
}
