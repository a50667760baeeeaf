import { FrameOpener, streamKey } from '../../channel/frames.js';
import { nodeEngine as engine } from '../../crypto/node.js';
import type { Bytes } from '../../protocol/crypto.js';
import type { StreamError } from '../../protocol/frames.js';
import type { RequestHeader } from '../../protocol/message.js';
import type { Meta } from '../../protocol/meta.js';
import { JOSE, STREAM, type RawAnswer } from './answers.js';
import { b64u, sealFrames, sealJwe, sha256, type ChannelKeys, type Frame, type Json } from './secrets.js';

const BODILESS = [204, 205, 304];

/** A sealed request that the runner's server opened, and all that a response to it may be made of. */
export class Exchange {
  /** The body, out of its message or out of its frames. */
  readonly body: Buffer;
  /** The error that its frames ended with. */
  readonly failure: string | undefined;

  constructor(
    readonly header: RequestHeader,
    readonly jwe: string,
    readonly meta: Meta,
    plaintext: Bytes,
    frames: Bytes | undefined,
    readonly keys: ChannelKeys,
    /** Which request of the case it is, from 1. */
    readonly count: number,
    /** Which of the case's variants is run, from 0. */
    readonly variant: number,
  ) {
    const parts: Bytes[] = [plaintext];
    if (frames) {
      const opener = new FrameOpener(engine, streamKey(engine, keys.requestFrames, jwe), header.length);
      try {
        for (const part of opener.push(frames)) parts.push(part);
        opener.end();
      } catch (error) {
        this.failure = (error as StreamError).code;
      }
    }
    this.body = Buffer.concat(parts);
  }

  /** What an honest answer's header says, with changes; `undefined` leaves a member out. */
  head(changes: Json = {}): Json {
    const { kid, seq } = this.header;
    const iat = Math.floor(Date.now() / 1000);
    return { alg: 'dir', enc: 'A256GCM', typ: 'e2e-res+jwe', kid, seq, iat, status: 200, ...changes };
  }

  /** A message with this body, after this meta object. */
  seal(body: string | Bytes, changes: Json = {}, meta = ''): string {
    const cty = body.length > 0 ? 'text/plain' : undefined;
    const length = meta ? Buffer.byteLength(meta) : undefined;
    const plaintext = Buffer.concat([Buffer.from(meta), Buffer.from(body as Bytes)]);
    return sealJwe(this.keys.response, this.head({ cty, meta: length, ...changes }), plaintext);
  }

  /** An honest answer in one message. */
  sealed(body: string | Bytes, changes: Json = {}, meta = ''): RawAnswer {
    const status = Number(changes.status ?? 200);
    const outer = BODILESS.includes(status) || (status >= 300 && status < 400) ? 200 : status;
    return { status: outer, headers: JOSE, body: this.seal(body, changes, meta) };
  }

  /** The head of a response in frames. */
  streamHead(changes: Json = {}): string {
    return this.seal('', { cty: 'text/plain', frames: 'body', ...changes });
  }

  frames(head: string, frames: readonly Frame[]): Buffer[] {
    return sealFrames(this.keys.responseFrames, head, frames);
  }

  /** An honest answer in frames. */
  streamed(frames: readonly Frame[], changes: Json = {}): RawAnswer {
    const head = this.streamHead(changes);
    return { headers: STREAM, body: Buffer.concat([Buffer.from(`${head}\n`), ...this.frames(head, frames)]) };
  }

  /** What the server understood, for an honest client to compare with what was meant. */
  get facts(): Json {
    const { method, target, idem, cty, frames, again } = this.header;
    const { query, headers = [] } = this.meta;
    const { length } = this.body;
    const facts = { method, target, query, headers: Object.fromEntries(headers), idem, cty, frames, length };
    return { ...facts, sha256: b64u(sha256(this.body)), isCopy: again !== undefined };
  }
}
