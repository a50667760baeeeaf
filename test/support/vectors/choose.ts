/** What the published vectors are made from: keys and random bytes of their own, and the messages that they show. */
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { CompactEncrypt, CompactSign } from 'jose';
import {
  b64u,
  HYBRID,
  publicKeyOf,
  rsaEncrypt,
  thumbprint,
  transcriptHash,
  unb64u,
  type Jwk,
  type KeyKind,
} from '../../external/conformance/peer.js';
import { answerOf, publicJwk, type Chosen, type ChosenMessage, type ChosenStream } from './generate.js';

const NOW = 1_795_392_000;
const BODY = '{"title":"Hello","body":"naïve 🔐"}';
const iv = (): string => b64u(randomBytes(12));
const jwkOf = (key: KeyObject): Jwk => key.export({ format: 'jwk' }) as Jwk;

function makeKey(kind: KeyKind): Jwk {
  if (kind === 'RSA') return jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  if (kind === 'P-256') return jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const x25519 = jwkOf(generateKeyPairSync('x25519').privateKey);
  if (kind === 'X25519') return x25519;
  const { publicKey, secretKey } = ml_kem768.keygen();
  const pub = b64u(Buffer.concat([publicKey, unb64u(x25519.x!)]));
  return { kty: 'AKP', alg: HYBRID, pub, priv: b64u(Buffer.concat([secretKey, unb64u(x25519.d!)])) };
}

function sign(key: KeyObject, header: object, th: Uint8Array): Promise<string> {
  const alg = key.asymmetricKeyType === 'ed25519' ? 'Ed25519' : 'ES256';
  return new CompactSign(Buffer.from(b64u(th))).setProtectedHeader({ alg, ...header }).sign(key);
}

const encrypt = (jwk: Jwk, header: object, plaintext: Uint8Array): Promise<string> =>
  new CompactEncrypt(plaintext)
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header })
    .encrypt(publicKeyOf(publicJwk(jwk)));

/** New keys, signatures and random bytes for a channel of this kind. */
export async function choose(kind: KeyKind, withDevice = false): Promise<Chosen> {
  const [clientKey, serverKey] = [makeKey(kind), makeKey(kind === HYBRID ? 'X25519' : kind)];
  const identity =
    kind === 'P-256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const deviceKey = withDevice ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : undefined;
  const identityKey = publicJwk(jwkOf(identity.publicKey));
  const secret =
    kind === 'RSA'
      ? await encrypt(clientKey, {}, randomBytes(32))
      : kind === HYBRID
        ? b64u(ml_kem768.encapsulate(unb64u(clientKey.pub!).subarray(0, 1184)).cipherText)
        : undefined;
  const ek = kind === 'RSA' ? b64u(rsaEncrypt(publicKeyOf(publicJwk(serverKey)), randomBytes(32))) : undefined;
  const base = {
    kind,
    clientKey,
    serverKey,
    identityKey,
    ...(deviceKey && { deviceKey: jwkOf(deviceKey) }),
    handshake: { ...(secret && { secret }), issuedAt: NOW, expiresAt: NOW + 3600, session: b64u(randomBytes(16)) },
    ...(ek && { ek }),
    ...messages(kind, withDevice),
  };
  // `th` hashes the kid of the proof's header: a stand-in that names it is enough to compute it.
  const kid = thumbprint(identityKey);
  const standIn = `${b64u(JSON.stringify({ kid }))}..`;
  const handshake = { ...base.handshake, proof: standIn };
  const th = transcriptHash(thumbprint(clientKey), answerOf({ ...base, handshake }));
  const proof = await sign(identity.privateKey, { typ: 'e2e-handshake+jws', kid }, th);
  return {
    ...base,
    handshake: { ...base.handshake, proof },
    ...(deviceKey && { dev: await sign(deviceKey, { typ: 'e2e-device+jws' }, th) }),
    ...(kind === 'RSA' && { stock: await stock(clientKey, serverKey) }),
  };
}

/** A pair of messages in the plain way, as a stock JOSE library makes them. */
async function stock(clientKey: Jwk, serverKey: Jwk): Promise<{ request: string; response: string }> {
  const [own, kid] = [Buffer.from(BODY), thumbprint(serverKey)];
  const common = { kid, seq: 1, iat: NOW + 5 };
  const request = { typ: 'e2e-req+jwe', ...common, method: 'POST', target: '/notes', cty: 'application/json' };
  const response = { typ: 'e2e-res+jwe', ...common, status: 201, cty: 'application/json' };
  return { request: await encrypt(serverKey, request, own), response: await encrypt(clientKey, response, own) };
}

/** Members that `complete` fills in are `true` here. */
function messages(kind: KeyKind, withDevice: boolean): Pick<Chosen, 'requests' | 'responses' | 'streams' | 'socket'> {
  const common = { alg: 'dir', enc: 'A256GCM' };
  const sent = (name: string, seq: number, members: object, rest: Partial<ChosenMessage> = {}): ChosenMessage => {
    const own = {
      ...(kind === 'RSA' && { ek: true }),
      ...(withDevice && { dev: true }),
      ...(rest.meta && { meta: true }),
    };
    const header = { ...common, typ: 'e2e-req+jwe', kid: true, seq, iat: NOW + 5, ...members, ...own };
    return { name, header, ...rest, iv: iv() };
  };
  const answered = (name: string, seq: number, members: object, rest: Partial<ChosenMessage> = {}): ChosenMessage => {
    const header = {
      ...common,
      typ: 'e2e-res+jwe',
      kid: true,
      seq,
      iat: NOW + 6,
      ...members,
      ...(rest.meta && { meta: true }),
    };
    return { name, header, ...rest, iv: iv() };
  };
  const json = { cty: 'application/json' };
  const stream = (direction: 'request' | 'response', head: ChosenMessage, frames: ChosenStream['frames']) => ({
    direction,
    ...head,
    frames,
  });
  const hello = [
    { kind: 0, body: 'hello ' },
    { kind: 0, body: '' },
    { kind: 1, body: 'world' },
  ];
  const live = { method: 'GET', target: '/live', frames: 'socket' };
  return {
    requests: [
      sent('body', 1, { method: 'POST', target: '/notes?draft=1', ...json }, { body: BODY }),
      sent('no body', 2, { method: 'GET', target: '/notes' }),
      sent('a sealed query', 3, { method: 'GET', target: '/notes' }, { meta: { query: 'search=caf%C3%A9&page=2' } }),
      sent(
        'a sealed query, a sealed header field, an Idempotency-Key and a body',
        4,
        { method: 'POST', target: '/notes', idem: 'k-1', ...json },
        { meta: { query: 'draft=1', headers: { 'last-event-id': '41' } }, body: BODY },
      ),
      sent('padded body', 5, { method: 'POST', target: '/notes', ...json }, { body: `${BODY} ` }),
      sent('sent again', 6, { method: 'PUT', target: '/notes/1', again: { seq: 1 }, ...json }, { body: BODY }),
      sent(
        'a form',
        7,
        { method: 'POST', target: '/files', cty: 'multipart/form-data; boundary=x' },
        {
          body: '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
        },
      ),
    ],
    responses: [
      answered(
        'a body and a location',
        1,
        { status: 201, ...json },
        { meta: { headers: { location: '/notes/1' } }, body: BODY },
      ),
      answered('no content', 2, { status: 204 }),
      answered('a redirect', 3, { status: 303 }, { meta: { headers: { location: '/notes?page=2' } } }),
      answered(
        'a problem of the protocol',
        4,
        { status: 409, cty: 'application/problem+json' },
        {
          body: '{"type":"urn:e2e:problem:message-replayed","status":409}',
        },
      ),
      answered('an early refusal', 5, { status: 413, ...json, early: true }, { body: '{"statusCode":413}' }),
    ],
    streams: [
      stream(
        'request',
        sent(
          'an upload of a known length',
          8,
          { method: 'POST', target: '/files', cty: 'text/plain', length: 11, frames: 'body' },
          {
            meta: { query: 'folder=7' },
          },
        ),
        hello,
      ),
      stream(
        'request',
        sent('an empty upload', 9, { method: 'PUT', target: '/files/1', cty: 'text/plain', frames: 'body' }),
        [{ kind: 1, body: '' }],
      ),
      stream(
        'response',
        answered(
          'a download',
          8,
          { status: 200, cty: 'text/plain', length: 11, frames: 'body' },
          {
            meta: { headers: { 'content-disposition': 'attachment; filename="a.txt"' } },
          },
        ),
        hello,
      ),
      stream(
        'response',
        answered('events that the sender gave up', 9, { status: 200, cty: 'text/event-stream', frames: 'body' }),
        [
          { kind: 0, body: 'id: 1\ndata: {"n":1}\n\n' },
          { kind: 2, body: '' },
        ],
      ),
    ],
    socket: {
      client: {
        head: sent('the head of a socket, from the client', 10, live, { meta: { protocols: ['v1.chat', 'v2.chat'] } }),
        messages: [
          { kind: 3, body: b64u('{"event":"echo"}') },
          { kind: 0, body: b64u(Buffer.from([0, 1, 2])) },
          { kind: 1, body: b64u(Buffer.from('\u0003\u00e8bye', 'latin1')) },
        ],
      },
      server: {
        head: answered(
          'the head of a socket, from the server',
          10,
          { status: 101, frames: 'socket' },
          { meta: { protocol: 'v2.chat' } },
        ),
        messages: [
          { kind: 3, body: b64u('{"event":"echo"}') },
          { kind: 1, body: '' },
        ],
      },
    },
  };
}
