import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';

// The client's side of `e2e/1` on node:crypto alone, and without waiting, so that thousands of messages are made ahead.

/** A full frame's plaintext. */
const FRAME_BYTES = 65_536;

export const b64u = (data) => Buffer.from(data).toString('base64url');
const unb64u = (text) => Buffer.from(text, 'base64url');
const sha256 = (data) => createHash('sha256').update(data).digest();
const oaep = (key) => ({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' });

const MEMBERS = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'] };
const thumbprint = (jwk) =>
  b64u(sha256(JSON.stringify(Object.fromEntries(MEMBERS[jwk.kty].map((name) => [name, jwk[name]])))));

/** A client's key pair; the public key as a JWK, as it travels. */
export function keyPairOf(kind) {
  if (kind === 'MLKEM768-X25519') return hybridPair(keyPairOf('X25519'));
  const pair =
    kind === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'P-256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('x25519');
  return { kind, privateKey: pair.privateKey, jwk: pair.publicKey.export({ format: 'jwk' }) };
}

/** For handshakes alone: nothing here decapsulates. */
function hybridPair({ privateKey, jwk: { x } }) {
  const pub = Buffer.concat([ml_kem768.keygen().publicKey, Buffer.from(x, 'base64url')]).toString('base64url');
  const kind = 'MLKEM768-X25519';
  return { kind, privateKey, jwk: { kty: 'AKP', alg: kind, pub } };
}

/** What a channel is at the client's end, from the handshake's answer. */
export function channelOf({ kind, privateKey, jwk }, answer) {
  const { publicKey, kid, secret = '', issuedAt, expiresAt, session, device = '' } = answer;
  const th = sha256(['e2e/1', thumbprint(jwk), kid, secret, issuedAt, expiresAt, session, device, ''].join('\n'));
  const serverKey = createPublicKey({ key: publicKey, format: 'jwk' });
  const cs = randomBytes(32);
  const ikm =
    kind === 'RSA'
      ? Buffer.concat([openPlainWay(privateKey, secret), cs])
      : diffieHellman({ privateKey, publicKey: serverKey });
  const derive = (info) => Buffer.from(hkdfSync('sha256', ikm, th, info, 32));
  return {
    kid,
    serverKey,
    privateKey,
    ek: kind === 'RSA' ? b64u(publicEncrypt(oaep(serverKey), cs)) : undefined,
    request: derive('e2e/1 request'),
    response: derive('e2e/1 response'),
    requestFrames: derive('e2e/1 request frames'),
    responseFrames: derive('e2e/1 response frames'),
    seqs: { dir: 0, 'RSA-OAEP-256': 0 },
  };
}

function headerOf({ kid, ek, seqs }, alg, method, target) {
  return {
    alg,
    enc: 'A256GCM',
    typ: 'e2e-req+jwe',
    kid,
    seq: ++seqs[alg],
    iat: Math.floor(Date.now() / 1000),
    method,
    target,
    ...(alg === 'dir' && { ek }),
  };
}

/** The first message of a socket at `target`. */
export function sealHead(channel, target) {
  return compact(channel.request, { ...headerOf(channel, 'dir', 'GET', target), frames: 'socket' }, '', '');
}

/** An honest message for `POST target`, with a number of its own. */
export function seal(channel, alg, target, plaintext) {
  const header = { ...headerOf(channel, alg, 'POST', target), cty: 'application/json' };
  if (alg === 'dir') return compact(channel.request, header, '', plaintext);
  const key = randomBytes(32);
  return compact(key, header, b64u(publicEncrypt(oaep(channel.serverKey), key)), plaintext);
}

/** The same in frames, of a body that is there as a whole. */
export function sealFrames(channel, target, plaintext) {
  const { length } = plaintext;
  const facts = { cty: 'application/json', frames: 'body', length };
  const head = compact(channel.request, { ...headerOf(channel, 'dir', 'POST', target), ...facts }, '', '');
  const key = framesKey(channel.requestFrames, head);
  const pieces = [Buffer.from(`${head}\n`)];
  for (let at = 0, number = 0; at < length; at += FRAME_BYTES, number++) {
    const piece = plaintext.subarray(at, at + FRAME_BYTES);
    const start = Buffer.alloc(4);
    start[0] = at + FRAME_BYTES < length ? 0 : 1;
    start.writeUIntBE(piece.length + 16, 1, 3);
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number)).setAAD(start);
    pieces.push(start, cipher.update(piece), cipher.final(), cipher.getAuthTag());
  }
  return Buffer.concat(pieces);
}

/** The answer's plaintext, whole or in frames; throws where it does not open. */
export function open(channel, alg, body) {
  const headLength = body.indexOf('\n');
  if (headLength !== -1) return openFrames(channel, body.subarray(0, headLength), body.subarray(headLength + 1));
  const message = body.toString('latin1');
  if (alg !== 'dir') return openPlainWay(channel.privateKey, message);
  return openKept(channel, message);
}

/** Once the server has stored the keys, later messages need no half of them. */
function openKept(channel, message) {
  const plaintext = openWith(channel.response, message);
  if (JSON.parse(unb64u(message.split('.')[0]).toString()).kept) channel.ek = undefined;
  return plaintext;
}

function openFrames(channel, head, frames) {
  openKept(channel, head.toString('latin1'));
  const key = framesKey(channel.responseFrames, head);
  const pieces = [];
  let kind = 0;
  for (let at = 0, number = 0; at < frames.length; number++) {
    const end = at + 4 + frames.readUIntBE(at + 1, 3);
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number));
    decipher.setAAD(frames.subarray(at, at + 4)).setAuthTag(frames.subarray(end - 16, end));
    pieces.push(decipher.update(frames.subarray(at + 4, end - 16)), decipher.final());
    kind = frames[at];
    at = end;
  }
  if (kind !== 1) throw new Error('the answer in frames has no end');
  return Buffer.concat(pieces);
}

const framesKey = (key, head) => Buffer.from(hkdfSync('sha256', key, sha256(head), 'e2e/1 frames', 32));

function nonceOf(number) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}

function compact(key, header, encryptedKey, plaintext) {
  const iv = randomBytes(12);
  const protectedHeader = b64u(JSON.stringify(header));
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(protectedHeader));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return [protectedHeader, encryptedKey, b64u(iv), b64u(ciphertext), b64u(cipher.getAuthTag())].join('.');
}

function openPlainWay(privateKey, message) {
  return openWith(privateDecrypt(oaep(privateKey), unb64u(message.split('.')[1])), message);
}

function openWith(key, message) {
  const [header, , iv, ciphertext, tag] = message.split('.');
  const decipher = createDecipheriv('aes-256-gcm', key, unb64u(iv));
  decipher.setAAD(Buffer.from(header)).setAuthTag(unb64u(tag));
  return Buffer.concat([decipher.update(unb64u(ciphertext)), decipher.final()]);
}
