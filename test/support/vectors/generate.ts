/**
 * Makes the vectors that the package publishes, from node:crypto and jose, with no line of the sources: `complete` computes
 * from what was chosen (keys, random bytes, headers, bodies) everything that follows from it. What cannot be computed twice
 * (RSA-OAEP, ES256) is chosen too, and verified.
 */
import { createCipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { compactDecrypt, compactVerify, importJWK, type JWK } from 'jose';
import {
  b64u,
  channelKeys,
  HYBRID,
  hybridPairOf,
  privateKeyOf,
  publicKeyOf,
  rsaDecrypt,
  sealText,
  sharedSecret,
  thumbprint,
  transcriptHash,
  unb64u,
  type HandshakeResponse,
  type Jwk,
  type KeyKind,
} from '../../external/conformance/peer.js';

type Members = Record<string, unknown>;

/** A message as it was chosen: `kid`, `ek`, `meta` and the tag of `again` in its header say only where they stand. */
export interface ChosenMessage {
  readonly name: string;
  readonly header: Members;
  readonly meta?: Members;
  readonly body?: string;
  readonly iv: string;
}
export interface Message extends ChosenMessage {
  readonly plaintext: string;
  readonly jwe: string;
}
export interface Frame {
  readonly kind: number;
  readonly body: string;
}
export interface ChosenStream extends ChosenMessage {
  readonly direction: 'request' | 'response';
  readonly frames: readonly Frame[];
}
/** The bodies of a socket's messages are base64url, those of frames text. */
export interface ChosenDirection {
  readonly head: ChosenMessage;
  readonly messages: readonly Frame[];
}
export interface Chosen {
  readonly kind: KeyKind;
  readonly clientKey: Jwk;
  readonly serverKey: Jwk;
  readonly identityKey: Jwk;
  readonly deviceKey?: Jwk;
  readonly handshake: Pick<HandshakeResponse, 'issuedAt' | 'expiresAt' | 'session' | 'proof' | 'secret'>;
  readonly dev?: string;
  readonly ek?: string;
  readonly requests: readonly ChosenMessage[];
  readonly responses: readonly ChosenMessage[];
  readonly streams: readonly ChosenStream[];
  readonly socket: { readonly client: ChosenDirection; readonly server: ChosenDirection };
  readonly stock?: { readonly request: string; readonly response: string };
}

/** The public members of a JWK, in the order of the protocol's table. */
export function publicJwk(jwk: Jwk): Jwk {
  const names = {
    RSA: ['kty', 'n', 'e'],
    EC: ['kty', 'crv', 'x', 'y'],
    OKP: ['kty', 'crv', 'x'],
    AKP: ['kty', 'alg', 'pub'],
  };
  return Object.fromEntries(names[jwk.kty as keyof typeof names].map((name) => [name, jwk[name]!]));
}

/** The handshake's answer without what needs `th`: enough to compute it. */
export function answerOf({ serverKey, deviceKey, handshake }: Omit<Chosen, 'requests'>): HandshakeResponse {
  const { secret, issuedAt, expiresAt, session, proof } = handshake;
  return {
    publicKey: publicJwk(serverKey),
    kid: thumbprint(serverKey),
    ...(secret !== undefined && { secret }),
    issuedAt,
    expiresAt,
    session,
    ...(deviceKey && { device: thumbprint(deviceKey) }),
    ...(proof !== undefined && { proof }),
  };
}

/** Everything that follows from what was chosen; throws where a chosen value does not hold. */
export async function complete(chosen: Chosen): Promise<Members> {
  const { kind, clientKey, serverKey, identityKey, deviceKey } = chosen;
  const jkt = thumbprint(clientKey);
  const handshake = answerOf(chosen);
  const th = transcriptHash(jkt, handshake);
  await verifySignature(handshake.proof!, identityKey, th, { typ: 'e2e-handshake+jws', kid: thumbprint(identityKey) });
  if (deviceKey) await verifySignature(chosen.dev!, publicJwk(deviceKey), th, { typ: 'e2e-device+jws' });

  const { ss, cs, ikm } = await secretsOf(chosen);
  const keys = channelKeys(ikm, th, kind === 'RSA' ? ss! : ikm);
  const fill = (message: ChosenMessage): { header: Members; plaintext: Buffer } => {
    const meta = message.meta ? JSON.stringify(message.meta) : '';
    const header = { ...message.header, kid: handshake.kid };
    if ('ek' in header) header.ek = chosen.ek;
    if ('dev' in header) header.dev = chosen.dev;
    if ('meta' in header) header.meta = Buffer.byteLength(meta);
    if ('again' in header) header.again = again(header.again as Members, header);
    return { header, plaintext: Buffer.from(meta + (message.body ?? '')) };
  };
  const again = ({ seq }: Members, own: Members): Members => {
    const input = `${String(seq)} ${handshake.kid} ${String(own.seq)}`;
    const tag = createHmac('sha256', keys.again).update(input).digest().subarray(0, 16);
    return { kid: handshake.kid, seq, tag: b64u(tag) };
  };
  const seal = (key: Uint8Array) => (message: ChosenMessage) => {
    const { header, plaintext } = fill(message);
    const { name, meta, body, iv } = message;
    const jwe = sealText(key, JSON.stringify(header), plaintext, { iv: unb64u(iv) });
    return {
      name,
      header,
      ...(meta && { meta }),
      ...(body !== undefined && { body }),
      plaintext: b64u(plaintext),
      iv,
      jwe,
    };
  };
  const [request, response] = [seal(keys.request), seal(keys.response)];
  const stream = ({ direction, frames, ...message }: ChosenStream): Members => {
    const head = direction === 'request' ? request(message) : response(message);
    const key = frameKey(direction === 'request' ? keys.requestFrames : keys.responseFrames, head.jwe);
    const sealed = frames.map(({ kind: type, body }, number) => {
      const start = Buffer.from([type, 0, 0, 0]);
      start.writeUIntBE(Buffer.byteLength(body) + 16, 1, 3);
      return { kind: type, body, bytes: b64u(Buffer.concat([start, gcm(key, number, start, Buffer.from(body))])) };
    });
    const wire = Buffer.concat([Buffer.from(`${head.jwe}\n`), ...sealed.map(({ bytes }) => unb64u(bytes))]);
    return { direction, ...head, frameKey: b64u(key), frames: sealed, wire: b64u(wire) };
  };
  const socket = (from: 'client' | 'server'): Members => {
    const { head, messages } = chosen.socket[from];
    const sealed = from === 'client' ? request(head) : response(head);
    const key = frameKey(from === 'client' ? keys.requestFrames : keys.responseFrames, sealed.jwe);
    const all = messages.map(({ kind: type, body }, number) => {
      const start = Buffer.from([type]);
      return { kind: type, body, bytes: b64u(Buffer.concat([start, gcm(key, number, start, unb64u(body))])) };
    });
    return { head: sealed, frameKey: b64u(key), messages: all };
  };

  return {
    kind,
    clientKey,
    clientPublicKey: publicJwk(clientKey),
    serverKey,
    jkt,
    identityKey,
    handshake,
    transcriptHash: b64u(th),
    ...(deviceKey && { deviceKey, dev: chosen.dev }),
    ...(ss && { ss: b64u(ss) }),
    ...(cs && { cs: b64u(cs), ek: chosen.ek }),
    ikm: b64u(ikm),
    requestKey: b64u(keys.request),
    responseKey: b64u(keys.response),
    requestFrames: b64u(keys.requestFrames),
    responseFrames: b64u(keys.responseFrames),
    againKey: b64u(keys.again),
    requests: chosen.requests.map(request),
    responses: chosen.responses.map(response),
    streams: chosen.streams.map(stream),
    socket: { client: socket('client'), server: socket('server') },
    ...(chosen.stock && { stock: await openStock(chosen) }),
  };
}

async function secretsOf({ kind, clientKey, serverKey, handshake, ek }: Chosen) {
  if (kind === 'RSA') {
    const { plaintext, protectedHeader } = await compactDecrypt(handshake.secret!, privateKeyOf(clientKey));
    if (Object.keys(protectedHeader).join() !== 'alg,enc') throw new Error('the header of a secret is alg and enc');
    const [ss, cs] = [Buffer.from(plaintext), rsaDecrypt(privateKeyOf(serverKey), unb64u(ek!))];
    return { ss, cs, ikm: Buffer.concat([ss, cs]) };
  }
  const serverPublic = publicKeyOf(publicJwk(serverKey));
  if (kind !== HYBRID) return { ikm: sharedSecret(privateKeyOf(clientKey), serverPublic) };
  const { decapsulate, privateKey } = hybridPairOf(clientKey);
  const ss = Buffer.from(decapsulate(unb64u(handshake.secret!)));
  return { ss, ikm: Buffer.concat([ss, sharedSecret(privateKey, serverPublic)]) };
}

async function openStock({ clientKey, serverKey, stock }: Chosen): Promise<Members> {
  const open = async (jwe: string, key: Jwk) =>
    Buffer.from((await compactDecrypt(jwe, privateKeyOf(key))).plaintext).toString();
  const { request, response } = stock!;
  const plaintext = await open(request, serverKey);
  if (plaintext !== (await open(response, clientKey))) throw new Error('two plaintexts');
  return { request, response, plaintext };
}

async function verifySignature(jws: string, jwk: Jwk, th: Uint8Array, members: Members): Promise<void> {
  const alg = jwk.crv === 'Ed25519' ? 'Ed25519' : 'ES256';
  const { payload, protectedHeader } = await compactVerify(jws, await importJWK(jwk as JWK, alg));
  const isRight = JSON.stringify(protectedHeader) === JSON.stringify({ alg, ...members });
  if (!isRight || Buffer.from(payload).toString() !== b64u(th)) throw new Error('a signature of something else');
}

function frameKey(base: Uint8Array, head: string): Buffer {
  const salt = createHash('sha256').update(head).digest();
  return Buffer.from(hkdfSync('sha256', base, salt, 'e2e/1 frames', 32));
}

function gcm(key: Uint8Array, number: number, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}
