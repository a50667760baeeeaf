/** A client of `e2e/1` that is honest by default and says anything else it is told to. */
import assert from 'node:assert/strict';
import { randomBytes, type KeyObject } from 'node:crypto';
import {
  HYBRID,
  answerKind,
  type HandshakeResponse,
  type Json,
  type KeyKind,
  type KeyPair,
  type Members,
  b64u,
  channelKeys,
  directWay,
  keyPair,
  kindOf,
  openCompact,
  plainWay,
  publicKeyOf,
  rsaEncrypt,
  sealText,
  sharedSecret,
  thumbprint,
  transcriptHash,
  unb64u,
} from './peer.js';
import { openFrames, splitStream, wholeBody } from './stream.js';
import { type Outgoing, type Reply, Jar, send } from './wire.js';

/** One browser: a cookie jar before one origin. */
export class Visitor {
  constructor(
    readonly base: string,
    readonly jar = new Jar(),
  ) {}

  /** Sends with the jar's cookies, unless the request brings its own, and keeps the cookies that come back. */
  async send(outgoing: Outgoing): Promise<Reply> {
    const cookie = String(this.jar);
    const reply = await send(this.base, {
      ...outgoing,
      headers: { ...(cookie ? { Cookie: cookie } : {}), ...outgoing.headers },
    });
    this.jar.take(reply);
    return reply;
  }

  /** `POST /e2e/handshake` with this very value; waits and repeats where the server is `busy`, as `Retry-After` says. */
  async ask(body: unknown): Promise<Reply> {
    for (let left = 20; ; left--) {
      const reply = await this.send({
        method: 'POST',
        target: '/e2e/handshake',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (reply.status !== 503 || left === 0) return reply;
      await new Promise((done) => setTimeout(done, 1000 * Number(reply.headers['retry-after'] ?? 1)));
    }
  }

  /** A channel by a new key pair, every rule of PROTOCOL §2 for the answer checked. */
  async handshake(
    kind: KeyKind,
    { pem = false, modulusLength = 2048, device }: { pem?: boolean; modulusLength?: number; device?: unknown } = {},
  ): Promise<Channel> {
    const pair = await keyPair(kind, modulusLength);
    const reply = await this.ask({
      publicKey: pem ? pair.publicKey.export({ format: 'pem', type: 'spki' }) : pair.jwk,
      device,
    });
    assert.equal(reply.status, 201, reply.body);
    return new Channel(this, pair, JSON.parse(reply.body) as HandshakeResponse);
  }
}

export interface Plaintext {
  text: string | Uint8Array;
  cty?: string;
  /** What stands before the body: an object, or any bytes. */
  meta?: object | string;
}
export const json = (value: Json): Plaintext => ({ text: JSON.stringify(value), cty: 'application/json' });
/** A sealed query, PROTOCOL §4. */
export const search = (query: string): Plaintext => ({ text: '', meta: { query } });
export const form = (query: string): Plaintext => ({ text: query, cty: 'application/x-www-form-urlencoded' });

/** A sealed request, and what it takes to open its answer. */
export interface Message {
  jwe: string;
  header: Members;
  responseKey: Buffer;
}

/** An opened answer. */
export interface Sealed {
  wire: Reply;
  header: Members;
  iv: string;
  status: number;
  cty: string | undefined;
  text: string;
  /** The header fields that stood inside. */
  headers: Record<string, string>;
}

export const value = (sealed: Sealed): Json => {
  assert.match(sealed.cty ?? '', /^application\/(problem\+)?json(; *charset=utf-8)?$/i);
  return JSON.parse(sealed.text) as Json;
};

const bodiless = (status: number): boolean => status === 204 || status === 205 || (status >= 300 && status < 400);

export class Channel {
  readonly kind: KeyKind;
  readonly kid: string;
  readonly th: Buffer;
  readonly jkt: string;
  readonly serverKey: KeyObject;
  /** RSA and hybrid channels: the half of the secret that `secret` carries. */
  readonly ss: Buffer | undefined;
  ek: string | undefined;
  keys!: ReturnType<typeof channelKeys>;
  private seq = 0;

  constructor(
    readonly visitor: Visitor,
    readonly pair: KeyPair,
    readonly answer: HandshakeResponse,
  ) {
    this.kind = kindOf(pair.jwk);
    assert.equal(kindOf(answer.publicKey), answerKind(this.kind), 'a key of the kind that answers it');
    this.kid = thumbprint(answer.publicKey);
    assert.equal(answer.kid, this.kid, 'the sent kid is the thumbprint');
    this.jkt = thumbprint(pair.jwk);
    this.th = transcriptHash(this.jkt, answer);
    this.serverKey = publicKeyOf(answer.publicKey);
    assert.equal(
      'secret' in answer,
      this.kind === 'RSA' || this.kind === HYBRID,
      'secret on RSA and hybrid channels only',
    );
    if (answer.secret) {
      this.ss = pair.decapsulate
        ? Buffer.from(pair.decapsulate(unb64u(answer.secret)))
        : openCompact(answer.secret, plainWay(pair.privateKey)).plaintext;
      assert.equal(this.ss.length, 32);
    }
    this.rekey();
  }

  /** Computes the channel keys; on RSA channels by a new `cs`, or by this one. */
  rekey(cs: Buffer = randomBytes(32)): void {
    let ikm: Buffer;
    if (this.kind === 'RSA' && this.ss) {
      this.ek = b64u(rsaEncrypt(this.serverKey, cs));
      ikm = Buffer.concat([this.ss, cs]);
    } else ikm = Buffer.concat([this.ss ?? Buffer.alloc(0), sharedSecret(this.pair.privateKey, this.serverKey)]);
    this.keys = channelKeys(ikm, this.th, this.kind === 'RSA' ? this.ss : ikm);
  }

  /** A sequence number not used before. */
  next(): number {
    return ++this.seq;
  }

  /** An honest header, in which `more` replaces members, and removes those it has as undefined. */
  header(method: string, target: string, more: Members = {}): Members {
    const header: Members = {
      alg: 'dir',
      enc: 'A256GCM',
      typ: 'e2e-req+jwe',
      kid: this.kid,
      seq: 'seq' in more ? more.seq : this.next(),
      iat: Math.floor(Date.now() / 1000),
      method,
      target,
      ...(this.ek ? { ek: this.ek } : {}),
      ...more,
    };
    return Object.fromEntries(Object.entries(header).filter(([, value]) => value !== undefined));
  }

  seal(header: Members, plaintext: Uint8Array | string = ''): Message {
    const jwe = sealText(this.keys.request, JSON.stringify(header), plaintext);
    return { jwe, header, responseKey: this.keys.response };
  }

  /** An honest message for this request. */
  message(method: string, target: string, plaintext?: Plaintext, more: Members = {}): Message {
    const { text = '', cty, meta } = plaintext ?? {};
    const first = meta === undefined ? '' : typeof meta === 'string' ? meta : JSON.stringify(meta);
    const members = { cty, meta: meta === undefined ? undefined : Buffer.byteLength(first), ...more };
    return this.seal(
      this.header(method, target, members),
      Buffer.concat([Buffer.from(first), Buffer.from(text as Uint8Array)]),
    );
  }

  /** One sealed request and its opened answer: the message in the body, or in `E2e-Request` where there is no body. */
  async request(
    method: string,
    target: string,
    plaintext?: Plaintext,
    { members, ...outgoing }: { members?: Members; at?: 'body' | 'header' } & Partial<Outgoing> = {},
  ): Promise<Sealed> {
    const message = this.message(method, target, plaintext, members);
    return this.open(await this.post(message, outgoing), message);
  }

  /** Sends a message in the body, or in `E2e-Request` where the method has none by habit. */
  async post(
    { jwe, header }: Pick<Message, 'jwe' | 'header'>,
    { at, ...outgoing }: { at?: 'body' | 'header' } & Partial<Outgoing> = {},
  ): Promise<Reply> {
    const method = outgoing.method ?? String(header.method);
    const where = at ?? (['GET', 'HEAD', 'DELETE'].includes(method) ? 'header' : 'body');
    const carried = where === 'header' ? { 'E2e-Request': jwe } : { 'Content-Type': 'application/jose' };
    return this.visitor.send({
      target: String(header.target),
      ...(where === 'body' ? { body: jwe } : {}),
      ...outgoing,
      method,
      headers: { ...carried, ...outgoing.headers },
    });
  }

  /** Opens the response to a message, whole or in frames, and checks every rule of PROTOCOL §4 and §6 for it. */
  open(wire: Reply, message: Pick<Message, 'header' | 'responseKey'>): Sealed {
    const sent = message.header;
    const isStream = wire.headers['content-type'] === 'application/vnd.e2e.stream';
    if (!isStream) {
      assert.match(
        wire.headers['content-type'] ?? '',
        /^application\/jose$/i,
        `sealed, not ${wire.status} ${wire.body.slice(0, 200)}`,
      );
    }
    assert.equal(wire.headers['cache-control'], 'no-store, no-transform');
    assert.equal(wire.headers.etag, undefined, 'no ETag');
    assert.equal(wire.headers['last-modified'], undefined, 'no Last-Modified');
    assert.equal(wire.headers['content-encoding'], undefined, 'no compression');
    const way = sent.alg === 'dir' ? directWay(message.responseKey) : plainWay(this.pair.privateKey);
    const { head, rest } = isStream ? splitStream(wire.bytes!) : { head: wire.body, rest: Buffer.alloc(0) };
    const { header, iv, plaintext: whole } = openCompact(head, way);
    const { meta = 0 } = header as { meta?: number };
    assert.equal(header.frames, isStream ? 'body' : undefined, 'frames where frames follow');
    if (isStream) {
      assert.equal(sent.alg, 'dir', 'frames under dir only');
      assert.equal(whole.length, meta, 'no body in a head');
      assert.deepEqual([wire.headers['x-accel-buffering'], wire.headers.incremental], ['no', '?1']);
    }
    const plaintext = isStream ? wholeBody(openFrames(this.keys.responseFrames, head, rest)) : whole.subarray(meta);
    if ('length' in header) assert.equal(plaintext.length, header.length, 'the length that was said');
    const { headers = {} } = (meta ? JSON.parse(whole.subarray(0, meta).toString('utf8')) : {}) as {
      headers?: Record<string, string>;
    };
    assert.equal(header.alg, sent.alg, 'answered in the way it was asked');
    assert.equal(header.typ, 'e2e-res+jwe');
    assert.equal(header.kid, this.kid);
    assert.equal(header.seq, sent.seq);
    assert.ok(Number.isInteger(header.iat) && Math.abs(Number(header.iat) - Date.now() / 1000) < 30, 'iat is now');
    const status = header.status as number;
    assert.ok(Number.isInteger(status) && status >= 200 && status < 600, 'a status');
    assert.equal(wire.status, bodiless(status) ? 200 : status, 'the status on the wire');
    assert.equal('cty' in header, isStream || plaintext.length > 0, 'cty where there is a plaintext');
    if ('cty' in header) assert.equal(typeof header.cty, 'string');
    return {
      wire,
      header,
      iv,
      status,
      cty: header.cty as string | undefined,
      text: plaintext.toString('utf8'),
      headers,
    };
  }
}

/** `kid` of a channel that does not exist. */
export const unknownKid = (): string => b64u(randomBytes(32));
