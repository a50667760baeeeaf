import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Channels } from '../../../../src/channel/channels.js';
import type { Place } from '../../../../src/channel/message-reader.js';
import type { OpenedMessage } from '../../../../src/channel/message.js';
import type { Channel } from '../../../../src/client/channel/channel.js';
import { E2eClientError } from '../../../../src/client/errors.js';
import { FrameSealer } from '../../../../src/client/channel/frames.js';
import { shakeHands } from '../../../../src/client/handshake/handshake.js';
import { LOADERS } from '../../../../src/client/on-demand/loaders.js';
import { provide } from '../../../../src/client/parts.js';
import { toReadable } from '../../../../src/client/call/readable.js';
import { openAnswerStream } from '../../../../src/client/stream/answer-stream.js';
import { collectHead } from '../../../../src/nest/request/body-collector.js';
import { E2eException } from '../../../../src/nest/request/e2e.exception.js';
import { openFramedBody } from '../../../../src/nest/request/framed-body.js';
import type { Bytes, ContentKey, CryptoEngine } from '../../../../src/protocol/crypto.js';
import { FRAME_KIND, type FrameKind } from '../../../../src/protocol/frames.js';
import { parseJsonObject, utf8 } from '../../../../src/protocol/json.js';
import { parsePublicKey, type KeyKind } from '../../../../src/protocol/keys.js';
import { E2eProblem } from '../../../../src/protocol/problem.js';
import { makeChannels, session } from './channels.js';

const SESSION = 'the session';
const ROUTE = { method: 'POST', target: '/files' };
const NO_BYTES = new Uint8Array(0);
const UNBOUNDED = { maxStreamSize: Infinity, idleTimeout: 100_000, timeLeft: 100_000_000 };

provide(LOADERS);

/** The parts of a stream on the wire, and the key of its frames. */
export interface Stream {
  /** The compact JWE, without the line feed. */
  readonly head: string;
  readonly frames: readonly Buffer[];
  readonly key: Uint8Array;
}

/** A request that awaits its answer. */
export interface Asked {
  readonly seq: number;
  readonly opened: OpenedMessage;
}

/** What a stream was read as: the plaintext before its end, and `whole`, or the code of what it ended in. */
export type Outcome = readonly [text: string, end: string];

/** Pieces of a body, of which the last ends it. */
export interface Body {
  readonly pieces: readonly string[];
  readonly length?: number | undefined;
  readonly end?: FrameKind;
}

export function wireOf({ head, frames }: Pick<Stream, 'head' | 'frames'>): Buffer {
  return Buffer.concat([Buffer.from(`${head}\n`), ...frames]);
}

/**
 * The client's and the server's end of one channel, with all that is real about how they read streams (the head reader and
 * the frames, on Node's own request and the runtime's own Response), in one process: fast enough for every bit of a stream.
 */
export class StreamEnds {
  /** The content keys that the client's engine took, of which a stream's own is the last. */
  readonly #keys: Uint8Array[];

  private constructor(
    readonly channels: Channels,
    readonly client: Channel,
    keys: Uint8Array[],
  ) {
    this.#keys = keys;
  }

  static async make(engine: CryptoEngine, keyKind: KeyKind): Promise<StreamEnds> {
    const { channels } = makeChannels();
    const keys: Uint8Array[] = [];
    const client = await shakeHands(
      recording(engine, keys),
      { keyKind, rsaModulusLength: 2048 },
      undefined,
      new Set(),
      undefined,
      async (body) => {
        const { publicKey } = parseJsonObject(body)!;
        const answer = await channels.handshake(session(SESSION), parsePublicKey(publicKey));
        return parseJsonObject(JSON.stringify(answer))!;
      },
      false,
    );
    return new StreamEnds(channels, client, keys);
  }

  /** The client's honest upload. */
  async upload({ pieces, length, end = FRAME_KIND.last }: Body): Promise<Stream> {
    const sealed = await this.client.sealHead(this.client.claim()!, { ...ROUTE, cty: 'text/plain', length }, NO_BYTES);
    const { head, streamKey } = sealed!;
    const sealer = new FrameSealer(streamKey);
    const key = this.#keys.at(-1)!;
    const frames: Buffer[] = [];
    for (const [index, piece] of pieces.entries()) {
      const kind = index === pieces.length - 1 ? end : FRAME_KIND.more;
      frames.push(Buffer.from(await sealer.seal(kind, utf8(piece))));
    }
    return { head, frames, key };
  }

  /** A request of the client, opened by the server. */
  async ask(): Promise<Asked> {
    const seq = this.client.claim()!;
    const message = await this.client.seal(seq, ROUTE, NO_BYTES, NO_BYTES);
    return { seq, opened: await this.#open(message!, 'body') };
  }

  /** The server's honest answer in frames. */
  async answer({ seq, opened }: Asked, { pieces, length, end = FRAME_KIND.last }: Body): Promise<Stream> {
    const iat = Math.floor(Date.now() / 1000);
    const { head, frames: sealer } = opened.sealHead({ status: 200, cty: 'text/plain', iat, length });
    const frames = pieces.map((piece, index) =>
      sealer.seal(index === pieces.length - 1 ? end : FRAME_KIND.more, utf8(piece)),
    );
    await (await this.client.open(seq, head, 'body'))!.streamKey();
    return { head, frames, key: this.#keys.at(-1)! };
  }

  /** Reads a request's body in frames as the server does: what of it comes `late` comes when the head was read. */
  async readUpload(wire: Uint8Array, late: Uint8Array = NO_BYTES): Promise<Outcome> {
    const request = new IncomingMessage(new Socket());
    if (wire.length > 0) request.push(wire);
    if (late.length === 0) request.push(null);
    let text = '';
    try {
      const head = await collectHead(request);
      if (!head) throw new E2eProblem('message-rejected');
      const opened = await this.#open(head.toString('latin1'), 'stream');
      openFramedBody(request, opened.openFrames(), UNBOUNDED, false, () => undefined);
      if (late.length > 0) {
        request.push(late);
        request.push(null);
      }
      for await (const chunk of request) text += String(chunk);
      return [text, 'whole'];
    } catch (error) {
      const problem = error instanceof E2eException ? error.problem : error;
      if (!(problem instanceof E2eProblem)) throw error;
      return [text, problem.code];
    }
  }

  /** Reads an answer in frames as the client does. */
  async readAnswer(seq: number, wire: Uint8Array<ArrayBuffer>): Promise<Outcome> {
    const stream = await openAnswerStream(new Response(wire), this.client, seq, undefined);
    if (!stream) return ['', 'answer-rejected'];
    let text = '';
    const { body, cancel } = stream;
    const reader = toReadable(async () => (await body.next()).value ?? undefined, cancel).stream.getReader();
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        text += Buffer.from(read.value).toString();
      }
      return [text, 'whole'];
    } catch (error) {
      if (!(error instanceof E2eClientError)) throw error;
      return [text, error.code];
    }
  }

  /** What one end makes of a compact JWE alone, as it came in that place. */
  openMessage(message: string, place: Place): Promise<OpenedMessage> {
    return this.#open(message, place);
  }

  #open(message: string, place: Place): Promise<OpenedMessage> {
    return this.channels.open(SESSION, message, { ...ROUTE, place, idem: undefined });
  }
}

/** The engine, with a record of the content keys that it takes. */
function recording(engine: CryptoEngine, keys: Uint8Array[]): CryptoEngine {
  const own = {
    importContentKey(bytes: Bytes): ContentKey | Promise<ContentKey> {
      keys.push(Uint8Array.from(bytes));
      return engine.importContentKey(bytes);
    },
  };
  return new Proxy(engine, {
    get: (target, name) => {
      const member: unknown = Reflect.get(name in own ? own : target, name);
      return typeof member === 'function' && !(name in own) ? (member.bind(target) as unknown) : member;
    },
  });
}
