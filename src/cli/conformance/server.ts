import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { splitMeta } from '../../channel/plaintext.js';
import { splitJwe } from '../../protocol/jwe.js';
import { parseRequestHeader } from '../../protocol/message.js';
import { MAX_REQUEST_HEADER_BYTES } from '../../protocol/media-type.js';
import { plainProblem, problemBody, type RawAnswer } from './answers.js';
import type { Behaviour } from './behaviour.js';
import { Exchange } from './exchange.js';
import { Handshakes, provesAgain, type ServerChannel } from './handshakes.js';
import { openJwe, unb64u } from './secrets.js';

/** What no client may hand over when it must report an error. */
export const CANARY = 'canary-of-the-conformance-runner';

/**
 * The runner's server: honest, except for what the current case says. It also checks the client: `violations` has
 * everything that an honest client would not send.
 */
export class RunnerServer {
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => {
      this.violations.push(`the server could not read the request: ${String(error)}`);
      response.destroy();
    });
  });
  readonly #handshakes = new Handshakes();
  readonly #channels = new Map<string, ServerChannel>();
  #behaviour: Behaviour = {};
  #variant = 0;
  #cookies = 0;
  /** What came in during the case. */
  readonly violations: string[] = [];
  exchanges: Exchange[] = [];
  handshakes = 0;

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Begins a case, or a variant of it. */
  behave(behaviour: Behaviour, variant = 0): void {
    this.#behaviour = behaviour;
    this.#variant = variant;
    this.violations.length = this.exchanges.length = this.handshakes = 0;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // A body that was cut off is read as what came of it.
    }
    const body = Buffer.concat(chunks);
    const isHandshake = request.method === 'POST' && request.url === '/e2e/handshake';
    const {
      status = 200,
      headers = {},
      body: bytes = '',
      isCut = false,
    } = isHandshake ? this.#shakeHands(request, response, body.toString()) : this.#answer(request, body);
    const whole = Buffer.from(bytes as Uint8Array);
    // What is cut announces more than comes.
    response.writeHead(status, isCut ? { ...headers, 'content-length': whole.length + 1 } : headers);
    if (!isCut) return void response.end(whole);
    response.flushHeaders();
    response.write(whole, () => setImmediate(() => response.destroy()));
  }

  #shakeHands(request: IncomingMessage, response: ServerResponse, body: string): RawAnswer {
    this.handshakes++;
    if (request.headers['content-type'] !== 'application/json') this.violations.push('the handshake is not JSON');
    if (this.#behaviour.handshake) return this.#behaviour.handshake;
    const cookie = cookieOf(request) ?? `s${++this.#cookies}`;
    const { channel, text } = this.#handshakes.make(body, cookie, this.#behaviour, this.handshakes);
    this.#channels.set(channel.kid, channel);
    response.setHeader('set-cookie', `sid=${cookie}; Path=/; HttpOnly; SameSite=Lax`);
    return { status: 201, headers: { 'content-type': 'application/json; charset=utf-8' }, body: text };
  }

  #answer(request: IncomingMessage, body: Buffer): RawAnswer {
    const exchange = this.#open(request, body);
    if (!(exchange instanceof Exchange)) return exchange;
    this.exchanges.push(exchange);
    return this.#behaviour.answer?.(exchange) ?? honestAnswer(exchange);
  }

  /** The sealed request, after the checks of PROTOCOL §5; or why it is refused. */
  #open(request: IncomingMessage, body: Buffer): Exchange | RawAnswer {
    const type = request.headers['content-type'];
    const isStream = type === 'application/vnd.e2e.stream';
    const inHeader = request.headers['e2e-request'] as string | undefined;
    if ((inHeader !== undefined) === (isStream || type === 'application/jose')) {
      return this.#refuse(415, 'message-required', 'a request without one message');
    }
    const end = isStream ? body.indexOf('\n') : body.length;
    const jwe = inHeader ?? body.toString('latin1', 0, Math.max(end, 0));
    if (inHeader !== undefined && (body.length > 0 || inHeader.length > MAX_REQUEST_HEADER_BYTES)) {
      this.violations.push('an E2e-Request beside a body, or of more than 6,144 bytes');
    }
    const parts = splitJwe(jwe);
    const header = parts && parseRequestHeader(unb64u(parts.protected).toString());
    if (!parts || header?.alg !== 'dir' || (header.frames === 'body') !== isStream) {
      return this.#refuse(400, 'message-rejected', 'a malformed message');
    }
    const channel = this.#channels.get(header.kid);
    if (!channel || cookieOf(request) !== channel.cookie) {
      return this.#refuse(428, 'handshake-required', 'a message on no channel of its session');
    }
    const keys = (header.ek === undefined) === (channel.kind !== 'RSA') ? channel.keysFor(header.ek) : undefined;
    const opened = keys && openJwe(keys.request, jwe);
    const split = opened && splitMeta(opened, header.meta);
    if (!keys || !split) return this.#refuse(400, 'message-rejected', 'a message that does not open');
    this.#check(request, header, channel, parts.iv);
    if (split.plaintext.length > 0 && (isStream || inHeader !== undefined || header.cty === undefined)) {
      this.violations.push('a body where there is none, or without cty');
    }
    const frames = isStream ? body.subarray(end + 1) : undefined;
    const count = this.exchanges.length + 1;
    return new Exchange(header, jwe, split.meta, split.plaintext, frames, keys, count, this.#variant);
  }

  #refuse(status: number, name: string, why: string): RawAnswer {
    this.violations.push(why);
    return plainProblem(status, name);
  }

  #check(
    request: IncomingMessage,
    { method, target, idem, seq, iat, ek, again }: Exchange['header'],
    channel: ServerChannel,
    iv: string,
  ): void {
    const now = Math.floor(Date.now() / 1000) + (this.#behaviour.clockOffset ?? 0);
    const wrong = (flaw: string, isWrong: boolean) => isWrong && this.violations.push(flaw);
    wrong(`method ${method} in the message of a ${request.method}`, method !== request.method);
    wrong('another target than the request has', target !== request.url);
    wrong('another idem than the request has', idem !== request.headers['idempotency-key']);
    wrong(`seq ${seq} twice`, channel.seen.has(seq));
    wrong('an IV twice', channel.ivs.has(iv));
    wrong('another ek than the message before', channel.ek !== undefined && ek !== channel.ek);
    wrong(`iat ${iat} at ${now}`, iat > now + 30 || iat < now - 60);
    wrong('an again with a wrong tag', again !== undefined && !this.#provesAgain(again, channel.kid, seq));
    channel.seen.add(seq);
    channel.ivs.add(iv);
    channel.ek = ek;
  }

  #provesAgain(again: NonNullable<Exchange['header']['again']>, kid: string, seq: number): boolean {
    const first = this.#channels.get(again.kid);
    return first !== undefined && provesAgain(first, again.seq, again.tag, kid, seq);
  }
}

function honestAnswer(exchange: Exchange): RawAnswer {
  if (exchange.failure) {
    const body = problemBody(400, exchange.failure);
    return exchange.sealed(body, { status: 400, cty: 'application/problem+json' });
  }
  const facts = JSON.stringify(exchange.facts);
  return exchange.sealed(facts, { cty: 'application/json' });
}

function cookieOf(request: IncomingMessage): string | undefined {
  return /(?:^|; *)sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
}
