import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { nodeEngine as engine } from '../../../../src/crypto/node.js';
import { nobleMlKem } from '../../../../src/crypto/noble-ml-kem.js';
import { splitHybridKey } from '../../../../src/protocol/hybrid-key.js';
import type { StreamError } from '../../../../src/protocol/frames.js';
import {
  keyKind,
  parsePublicKey,
  thumbprintInput,
  serverKeyKind,
  type ClassicKeyKind,
  type KeyKind,
  type PublicJwk,
  type SigningJwk,
} from '../../../../src/protocol/keys.js';
import { FrameOpener, FrameSealer, streamKey } from '../../../../src/channel/frames.js';
import { parseRequestHeader, type RequestHeader } from '../../../../src/protocol/message.js';
import {
  REQUEST_FRAMES_INFO,
  REQUEST_KEY_INFO,
  RESPONSE_FRAMES_INFO,
  RESPONSE_KEY_INFO,
  joinSecrets,
  transcriptInput,
} from '../../../../src/protocol/schedule.js';

type Json = Record<string, unknown>;
type ContentKey = ReturnType<typeof engine.importContentKey>;
type KeyPair = ReturnType<typeof engine.generateKeyPair>;

/** The first RSA pair of every counterpart of this file: one takes a fifth of a second. */
let rsaPair: KeyPair | undefined;

/** A request as it came over the wire, and what was sealed in it. */
export interface Arrival {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly header: RequestHeader;
  /** The body. */
  /** What seals the frames after this head of an answer. */
  readonly sealFrames: (head: string) => FrameSealer;
  readonly plaintext: string;
  /** What stood before it. */
  readonly meta: { readonly query?: string; readonly headers?: Record<string, string> };
}

/** What the counterpart seals as its answer. */
export interface Reply {
  readonly status?: number;
  readonly body?: string | Uint8Array;
  readonly cty?: string | undefined;
  readonly location?: string;
  /** Header fields inside the message. */
  readonly inside?: Record<string, string>;
  /** Headers on the wire, outside the message. */
  readonly headers?: Record<string, string | string[]>;
}

export interface Channel {
  readonly kid: string;
  readonly session: string | undefined;
  readonly seen: Set<number>;
  readonly keysFor: (ek: string | undefined) => {
    request: ContentKey;
    response: ContentKey;
    frames: (info: Uint8Array, head: string) => ContentKey;
  };
}

/** Writes an answer of the test's own making instead of the sealed one. `seal` gives the honest message. */
export type Interfere = (
  response: ServerResponse,
  arrival: Arrival,
  seal: (reply: Reply, header?: Json) => string,
) => boolean | Promise<boolean>;

/**
 * The server's side of docs/protocol.md over node:http, small and apart from the real one: honest unless a test says
 * otherwise, and then as hostile as an intermediary that holds the server's keys could be.
 */
export class Counterpart {
  handshakes = 0;
  readonly arrivals: Arrival[] = [];
  readonly channels = new Map<string, Channel>();
  /** Seconds. */
  ttl = 3600;
  clockOffset = 0;
  /** The thumbprint of a device key that the session is bound to. */
  device: string | undefined;
  identity: { readonly jwk: SigningJwk; readonly key: KeyObject } | undefined;
  /** What `GET /e2e/identity` lists; the identity key unless said. */
  listed: unknown[] | undefined;
  reply: (arrival: Arrival) => Reply | Promise<Reply> = ({ plaintext }) => ({ body: plaintext || 'null' });
  interfere: Interfere | undefined;
  /** Called with what comes of a request, as it comes. */
  onChunk: ((chunk: string) => void) | undefined;
  /** Changes the handshake's answer before it leaves. */
  tamper: (answer: Json, clientKey: PublicJwk) => Json = (answer) => answer;
  /** Answers the handshake by itself, where it answers `true`. */
  refuse: (response: ServerResponse) => boolean = () => false;
  /** Whether a client's key is `key-rejected`. */
  refuseKey: (key: PublicJwk) => boolean = () => false;
  cookie: string[] | undefined;
  serverKey: ((kind: ClassicKeyKind) => ReturnType<typeof engine.generateKeyPair>) | undefined;

  readonly #server: Server;
  #hasSharedPair = false;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(): Promise<Counterpart> {
    const counterpart = new Counterpart();
    await new Promise<void>((resolve) => counterpart.#server.listen(0, '127.0.0.1', resolve));
    return counterpart;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  useIdentity(kind: 'Ed25519' | 'P-256'): SigningJwk {
    const { privateKey } =
      kind === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = engine.importSigningKey(privateKey).publicKey;
    this.identity = { jwk, key: privateKey };
    return jwk;
  }

  now(): number {
    return Math.floor(Date.now() / 1000) + this.clockOffset;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      if (request.url !== '/e2e/handshake') this.onChunk?.((chunk as Buffer).toString('latin1'));
    }
    const body = Buffer.concat(chunks).toString('latin1');
    if (request.url === '/e2e/handshake') {
      this.#handshake(request, body, response);
      return;
    }
    if (request.url === '/e2e/identity') {
      json(response, 200, { keys: this.listed ?? (this.identity ? [this.identity.jwk] : []) });
      return;
    }
    return this.#message(request, body, response);
  }

  /** No client sees a key twice: those of another test saw the shared one. */
  #makeKeyPair(kind: KeyKind): KeyPair {
    if (kind !== 'RSA' || this.#hasSharedPair) return engine.generateKeyPair(kind);
    this.#hasSharedPair = true;
    return (rsaPair ??= engine.generateKeyPair('RSA'));
  }

  #handshake(request: IncomingMessage, body: string, response: ServerResponse): void {
    this.handshakes++;
    if (this.refuse(response)) return;
    const { publicKey } = JSON.parse(body) as { publicKey: unknown };
    const clientKey = parsePublicKey(publicKey);
    if (this.refuseKey(clientKey)) {
      problem(response, 422, 'key-rejected');
      return;
    }
    const kind = keyKind(clientKey);
    const answering = serverKeyKind(kind);
    const hybrid = clientKey.kty === 'AKP' ? splitHybridKey(clientKey) : undefined;
    const pair = this.serverKey?.(answering) ?? this.#makeKeyPair(answering);
    const kid = thumbprint(pair.publicKey);
    const encapsulated = hybrid && nobleMlKem.encapsulate(hybrid.encapsulationKey);
    const ss = kind === 'RSA' ? engine.randomBytes(32) : encapsulated?.secret;
    const secret = encapsulated ? engine.encodeBase64url(encapsulated.ciphertext) : ss && sealSecret(clientKey, ss);
    const issuedAt = this.now();
    const expiresAt = issuedAt + this.ttl;
    const session = randomBytes(16).toString('base64url');
    const terms = { kid, secret, issuedAt, expiresAt, session };
    const th = engine.sha256(
      transcriptInput({
        ...terms,
        jkt: thumbprint(clientKey),
        device: this.device,
        identity: this.identity && thumbprint(this.identity.jwk),
      }),
    );
    const answer = this.tamper(
      { publicKey: pair.publicKey, ...terms, device: this.device, proof: this.prove(th) },
      clientKey,
    );

    const cookie = sessionOf(request) ?? randomBytes(8).toString('hex');
    let cs: Uint8Array | undefined;
    this.channels.set(kid, {
      kid,
      session: cookie,
      seen: new Set(),
      keysFor: (ek) => {
        if (ek !== undefined) cs = engine.rsaDecrypt(pair.privateKey, engine.decodeBase64url(ek)!);
        const other =
          kind === 'RSA' ? cs! : engine.agree(pair.privateKey, engine.importPublicKey(hybrid?.x25519 ?? clientKey))!;
        const ikm = ss ? joinSecrets(ss, other) : other;
        const key = (info: Uint8Array) => engine.importContentKey(engine.hkdf(ikm, th, info));
        const frames = (info: Uint8Array, head: string) => streamKey(engine, engine.hkdf(ikm, th, info), head);
        return { request: key(REQUEST_KEY_INFO), response: key(RESPONSE_KEY_INFO), frames };
      },
    });
    response.setHeader('set-cookie', this.cookie ?? [`sid=${cookie}; Path=/; HttpOnly; SameSite=Lax`]);
    json(response, 201, answer);
  }

  /** A proof over this transcript hash by the identity key, where there is one. */
  prove(th: Uint8Array, header: Json = {}): string | undefined {
    if (!this.identity) return undefined;
    const { jwk, key } = this.identity;
    const alg = jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
    const encode = (text: string) => Buffer.from(text).toString('base64url');
    const protectedHeader = encode(JSON.stringify({ alg, typ: 'e2e-handshake+jws', kid: thumbprint(jwk), ...header }));
    const signed = `${protectedHeader}.${encode(Buffer.from(th).toString('base64url'))}`;
    const signature = engine.sign(engine.importSigningKey(key).signingKey, Buffer.from(signed));
    return `${signed}.${Buffer.from(signature).toString('base64url')}`;
  }

  async #message(request: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
    const inHeader = request.headers['e2e-request'];
    const isStream = request.headers['content-type'] === 'application/vnd.e2e.stream';
    const inBody = isStream || request.headers['content-type'] === 'application/jose';
    const { method = '', url: target = '', headers } = request;
    const [head = '', ...frames] = isStream ? body.split('\n') : [body];
    const message = inBody ? head : (inHeader as string | undefined);
    if (message === undefined || (inBody && inHeader !== undefined)) {
      problem(response, 415, 'message-required');
      return;
    }
    const [encodedHeader = '', encryptedKey, iv = '', ciphertext = '', tag = ''] = message.split('.');
    const header = parseRequestHeader(Buffer.from(encodedHeader, 'base64url').toString());
    if (!header || encryptedKey !== '' || header.alg !== 'dir') {
      problem(response, 400, 'message-rejected');
      return;
    }
    const channel = this.channels.get(header.kid);
    if (!channel || channel.session !== sessionOf(request)) {
      problem(response, 428, 'handshake-required');
      return;
    }

    const keys = channel.keysFor(header.ek);
    const part = (text: string) => Buffer.from(text, 'base64url');
    const aad = Buffer.from(encodedHeader);
    const plaintext = engine.open(keys.request, part(iv), aad, part(ciphertext), part(tag));
    const bound = header.method === method && header.target === target && header.idem === headers['idempotency-key'];
    if (!plaintext || !bound) {
      problem(response, 400, 'message-rejected');
      return;
    }

    const seal = (
      {
        status = 200,
        body: sealed = '',
        cty = 'application/json',
        location,
        inside = location ? { location } : {},
      }: Reply,
      changes: Json = {},
    ) => {
      const bytes = typeof sealed === 'string' ? Buffer.from(sealed) : sealed;
      const meta = Object.keys(inside).length > 0 ? Buffer.from(JSON.stringify({ headers: inside })) : undefined;
      const { kid, seq } = header;
      const answer = { alg: 'dir', enc: 'A256GCM', typ: 'e2e-res+jwe', kid, seq, iat: this.now(), status };
      const full = { ...answer, cty: bytes.length > 0 ? cty : undefined, meta: meta?.length, ...changes };
      return sealWith(
        keys.response,
        '',
        Buffer.from(JSON.stringify(full)).toString('base64url'),
        Buffer.concat([meta ?? Buffer.alloc(0), bytes]),
      );
    };
    const send = (reply: Reply) => {
      const { status = 200 } = reply;
      const message = seal(reply);
      response.writeHead(status === 204 || status === 205 || (status >= 300 && status < 400) ? 200 : status, {
        'content-type': 'application/jose',
        'content-length': message.length,
        'cache-control': 'no-store, no-transform',
        ...reply.headers,
      });
      response.end(message);
    };
    const fresh = Math.abs(this.now() - header.iat) <= 30;
    if (!fresh) {
      send(sealedProblem(400, 'message-stale'));
      return;
    }
    if (channel.seen.has(header.seq)) {
      send(sealedProblem(409, 'message-replayed'));
      return;
    }
    channel.seen.add(header.seq);

    const opened = Buffer.from(plaintext).toString();
    const { meta: length = 0 } = header;
    const arrival = {
      method,
      target,
      headers,
      body,
      header,
      plaintext: isStream
        ? readFrames(new FrameOpener(engine, keys.frames(REQUEST_FRAMES_INFO, head), header.length), frames.join('\n'))
        : opened.slice(length),
      sealFrames: (text: string) => new FrameSealer(engine, keys.frames(RESPONSE_FRAMES_INFO, text)),
      meta: JSON.parse(opened.slice(0, length) || '{}') as Arrival['meta'],
    };
    this.arrivals.push(arrival);
    if (await this.interfere?.(response, arrival, seal)) return;
    send(await this.reply(arrival));
  }
}

/** The body in these frames; where they do not end as they must, the error's code. */
function readFrames(opener: FrameOpener, frames: string): string {
  const parts: Uint8Array[] = [];
  try {
    for (const part of opener.push(Buffer.from(frames, 'latin1'))) parts.push(part);
    opener.end();
  } catch (error) {
    return (error as StreamError).code;
  }
  return Buffer.concat(parts).toString();
}

export function thumbprint(jwk: PublicJwk | SigningJwk): string {
  return engine.encodeBase64url(engine.sha256(thumbprintInput(jwk)));
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

/** One of the protocol's problems in the clear. */
export function problem(
  response: ServerResponse,
  status: number,
  name: string,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    .end(JSON.stringify({ type: `urn:e2e:problem:${name}`, title: name, status }));
}

export function sealedProblem(status: number, name: string): Reply {
  const body = JSON.stringify({ type: `urn:e2e:problem:${name}`, title: name, status });
  return { status, body, cty: 'application/problem+json' };
}

function sessionOf(request: IncomingMessage): string | undefined {
  return /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
}

/** A secret of `ss` to the client's key, as the handshake's answer carries it. */
export function sealSecret(clientKey: PublicJwk, ss: Uint8Array, header: Json = {}): string {
  const contentKey = engine.randomBytes(32);
  const encryptedKey = engine.rsaEncrypt(engine.importPublicKey(clientKey), contentKey);
  const encoded = Buffer.from(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header })).toString('base64url');
  return sealWith(engine.importContentKey(contentKey), Buffer.from(encryptedKey).toString('base64url'), encoded, ss);
}

function sealWith(key: ContentKey, encryptedKey: string, header: string, plaintext: Uint8Array): string {
  const iv = engine.randomBytes(12);
  const { ciphertext, tag } = engine.seal(key, iv, Buffer.from(header), plaintext);
  return [header, encryptedKey, ...[iv, ciphertext, tag].map((part) => Buffer.from(part).toString('base64url'))].join(
    '.',
  );
}
