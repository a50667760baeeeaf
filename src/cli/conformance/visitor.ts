import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { nodeEngine as engine } from '../../crypto/node.js';
import { keyKind, parsePublicKey, type ClassicKeyKind } from '../../protocol/keys.js';
import { transcriptInput, type Transcript } from '../../protocol/schedule.js';
import { parseJsonObject } from '../../protocol/json.js';
import {
  b64u,
  deriveKeys,
  openJwe,
  random,
  sealJwe,
  sha256,
  thumbprintOf,
  unb64u,
  type ChannelKeys,
  type Json,
} from './secrets.js';

/** A request as it goes over the wire. */
export interface Outgoing {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One session before one server: it keeps the cookies. */
export class Visitor {
  readonly #cookies = new Map<string, string>();

  constructor(
    readonly origin: URL,
    readonly path: string,
    readonly timeout: number,
  ) {}

  get hasCookies(): boolean {
    return this.#cookies.size > 0;
  }

  async send({ method, target, headers = {}, body }: Outgoing): Promise<Reply> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const bytes = body === undefined ? undefined : Buffer.from(body as Uint8Array);
    const all = {
      ...headers,
      ...(cookie && { cookie }),
      ...(bytes && { 'content-length': bytes.length }),
    };
    const { protocol, hostname, port } = this.origin;
    const request = protocol === 'https:' ? httpsRequest : httpRequest;
    const host = hostname.replace(/^\[|\]$/g, '');
    const reply = await new Promise<Reply>((resolve, reject) => {
      const options = {
        hostname: host,
        port,
        method,
        path: target,
        headers: all,
        timeout: this.timeout,
        agent: false as const,
      };
      const out = request(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      out.on('error', reject);
      out.on('timeout', () => out.destroy(new Error('no response in time')));
      out.end(bytes);
    });
    for (const line of reply.headers['set-cookie'] ?? []) {
      const [name = '', value = ''] = line.split(';')[0]!.split(/=(.*)/s);
      this.#cookies.set(name.trim(), value.trim());
    }
    return reply;
  }

  /** `POST /e2e/handshake` with exactly this JSON. It waits if the server is `busy`. */
  async ask(body: string, type = 'application/json'): Promise<Reply> {
    for (let left = 20; ; left--) {
      const headers = { 'content-type': type };
      const reply = await this.send({ method: 'POST', target: `${this.path}/handshake`, headers, body });
      if (reply.status !== 503 || left === 0) return reply;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(reply.headers['retry-after'] ?? 1)));
    }
  }

  /** A channel of this kind; throws if the response breaks a rule of PROTOCOL §2. */
  async shakeHands(kind: ClassicKeyKind): Promise<ClientChannel> {
    const { publicKey, privateKey } = engine.generateKeyPair(kind);
    const reply = await this.ask(JSON.stringify({ publicKey }));
    const answer = parseJsonObject(reply.body);
    if (reply.status !== 201 || !answer) throw new Error(`the handshake was answered with ${reply.status}`);
    if (reply.headers['cache-control'] !== 'no-store, no-transform') throw new Error('the handshake may be cached');
    const serverKey = parsePublicKey(answer.publicKey);
    const terms = answer as unknown as Transcript & { readonly proof?: string };
    if (keyKind(serverKey) !== kind) throw new Error('the server answered with a key of another kind');
    if (thumbprintOf(serverKey) !== terms.kid) throw new Error('kid is not the thumbprint of the key');
    if (!(terms.issuedAt < terms.expiresAt)) throw new Error('the channel ends before it begins');
    if ((terms.secret !== undefined) !== (kind === 'RSA')) throw new Error('a secret is missing, or one too many');
    if (engine.decodeBase64url(terms.session)?.length !== 16) throw new Error('session is not 16 bytes');
    const identity = terms.proof && (JSON.parse(unb64u(terms.proof.split('.')[0]!).toString()) as { kid: string }).kid;
    const th = sha256(transcriptInput({ ...terms, jkt: thumbprintOf(publicKey), identity }));
    const offset = terms.issuedAt - Math.floor(Date.now() / 1000);
    if (kind !== 'RSA') {
      const ikm = engine.agree(privateKey, engine.importPublicKey(serverKey))!;
      return new ClientChannel(this, terms.kid, deriveKeys(ikm, th), undefined, offset);
    }
    const [, key = ''] = terms.secret!.split('.');
    const ss = openJwe(engine.rsaDecrypt(privateKey, unb64u(key)) ?? random(32), terms.secret!);
    if (ss?.length !== 32) throw new Error('the secret does not open, or is not 32 bytes');
    const cs = random(32);
    const ek = b64u(engine.rsaEncrypt(engine.importPublicKey(serverKey), cs));
    return new ClientChannel(this, terms.kid, deriveKeys(Buffer.concat([ss, cs]), th, ss), ek, offset);
  }
}

/** A channel at the runner's end, honest or not. */
export class ClientChannel {
  #seq = 0;

  constructor(
    readonly visitor: Visitor,
    readonly kid: string,
    readonly keys: ChannelKeys,
    readonly ek: string | undefined,
    /** Seconds that the server's clock is ahead. */
    readonly offset: number,
  ) {}

  /** An honest header, with changes; `undefined` leaves a member out. */
  head(method: string, target: string, changes: Json = {}): Json {
    const iat = Math.floor(Date.now() / 1000) + this.offset;
    const own = { alg: 'dir', enc: 'A256GCM', typ: 'e2e-req+jwe', kid: this.kid, seq: ++this.#seq, iat };
    return { ...own, method, target, ...(this.ek && { ek: this.ek }), ...changes };
  }

  seal(header: Json | string | Uint8Array, plaintext = ''): string {
    return sealJwe(this.keys.request, header, plaintext);
  }
}
