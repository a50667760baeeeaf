/** A socket's client, written from the text of PROTOCOL §7 alone. It is honest unless a test asks for something else. */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Channel, Visitor } from '../../../external/conformance/channel.js';
import { directWay, openCompact, type Members } from '../../../external/conformance/peer.js';
import { until } from '../../../support/clock.js';

export interface Opening {
  readonly target?: string;
  /** Who asks for the socket, where that is not the channel's own visitor. */
  readonly visitor?: Visitor;
  /** The application's own subprotocols. */
  readonly protocols?: readonly string[];
  /** Members of the head's header, in place of the honest ones. */
  readonly members?: Members;
  /** The first message, in place of a head. */
  readonly first?: string | Buffer;
  /** A message of bytes that is sent at once after the head. */
  readonly burst?: Buffer;
  readonly headers?: Record<string, string>;
  /** Of the upgrade. */
  readonly subprotocols?: readonly string[];
}

const BINARY = 0;
const END = 1;
const TEXT = 3;

function keyOf(base: Uint8Array, head: string): Buffer {
  const salt = createHash('sha256').update(head).digest();
  return Buffer.from(hkdfSync('sha256', base, salt, 'e2e/1 frames', 32));
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}

export class SocketPeer {
  /** What was sent in the clear, or sealed as a refusal. */
  refusal: string | undefined;
  /** The media type of a sealed refusal. */
  refusalType: unknown;
  /** The messages that opened, in their order: text as it is, bytes in hexadecimal, an end as its code and reason. */
  readonly read: string[] = [];
  /** The header of the server's head, and the subprotocol in it. */
  head: Members | undefined;
  protocol: string | undefined;
  closed: number | undefined;
  /** Whether an end is answered by one. */
  answers = true;
  #received = 0;
  #sent = 0;
  #keyIn: Buffer | undefined;
  readonly #keyOut: Buffer;

  private constructor(
    readonly raw: WebSocket,
    private readonly channel: Channel,
    text: string,
  ) {
    this.#keyOut = keyOf(channel.keys.requestFrames, text);
  }

  /** Asks for a socket, and waits for what becomes of it. */
  static async open(channel: Channel, opening: Opening = {}): Promise<SocketPeer> {
    const peer = SocketPeer.begin(channel, opening);
    await until(() => peer.head !== undefined || peer.closed !== undefined);
    return peer;
  }

  static begin(
    channel: Channel,
    { target = '/live', visitor = channel.visitor, protocols, members, first, burst, headers, subprotocols }: Opening,
  ): SocketPeer {
    const meta = protocols && { text: '', meta: { protocols } };
    const text = channel.message('GET', target, meta, { frames: 'socket', ...members }).jwe;
    const raw = new WebSocket(visitor.base.replace('http', 'ws') + target, [...(subprotocols ?? ['e2e.1'])], {
      headers: { Cookie: String(visitor.jar), ...headers },
    });
    const peer = new SocketPeer(raw, channel, text);
    raw.on('open', () => {
      raw.send(first ?? text);
      if (burst) peer.send(burst);
    });
    raw.on('message', (data: Buffer, isBinary: boolean) => peer.#take(data, isBinary));
    raw.on('close', (code) => (peer.closed = code));
    raw.on('error', () => undefined);
    return peer;
  }

  get isOpen(): boolean {
    return this.head !== undefined && this.closed === undefined;
  }

  /** The bytes of the next message, as it goes on the wire. */
  seal(kind: number, plaintext: string | Buffer): Buffer {
    const header = Buffer.of(kind);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOut, nonceOf(this.#sent++)).setAAD(header);
    return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  send(data: string | Buffer): void {
    this.raw.send(this.seal(typeof data === 'string' ? TEXT : BINARY, data));
  }

  /** A message as Nest's `WsAdapter` reads them, and what is answered first. */
  async ask(event: string, data?: unknown): Promise<unknown> {
    const from = this.read.length;
    this.send(JSON.stringify({ event, data }));
    await until(() => this.read.length > from || this.closed !== undefined);
    return JSON.parse(this.read[from] ?? 'null') as unknown;
  }

  async close(code?: number, reason = ''): Promise<void> {
    this.answers = false;
    this.raw.send(
      this.seal(END, code === undefined ? '' : Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason)])),
    );
    await this.over();
  }

  async over(): Promise<void> {
    await until(() => this.closed !== undefined);
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (!this.head) this.#takeFirst(data, isBinary);
    else {
      assert.ok(isBinary, 'a frame is a binary message');
      this.#takeFrame(data);
    }
  }

  #takeFirst(data: Buffer, isBinary: boolean): void {
    assert.ok(!isBinary, 'the first message is text');
    const text = data.toString();
    if (text.startsWith('{')) {
      this.refusal = text;
      return;
    }
    const { header, plaintext } = openCompact(text, directWay(this.channel.keys.response));
    const { meta = 0 } = header as { meta?: number };
    if (header.frames !== 'socket') {
      this.refusalType = header.cty;
      this.refusal = `sealed ${plaintext.subarray(meta).toString()}`;
      return;
    }
    assert.deepEqual([header.status, header.kid, 'cty' in header], [101, this.channel.kid, false]);
    const { protocol } = (meta ? JSON.parse(plaintext.toString()) : {}) as { protocol?: string };
    assert.equal(plaintext.length, meta);
    this.protocol = protocol;
    this.#keyIn = keyOf(this.channel.keys.responseFrames, text);
    this.head = header;
  }

  #takeFrame(data: Buffer): void {
    const [header, body, tag] = [data.subarray(0, 1), data.subarray(1, -16), data.subarray(-16)];
    const decipher = createDecipheriv('aes-256-gcm', this.#keyIn!, nonceOf(this.#received++));
    decipher.setAAD(header).setAuthTag(tag);
    const plaintext = Buffer.concat([decipher.update(body), decipher.final()]);
    if (header[0] === TEXT) this.read.push(plaintext.toString());
    else if (header[0] === BINARY) this.read.push(plaintext.toString('hex'));
    else if (header[0] === END) {
      this.read.push(
        `end ${plaintext.length > 0 ? plaintext.readUInt16BE(0) : ''} ${plaintext.subarray(2).toString()}`,
      );
      if (this.answers) this.raw.send(this.seal(END, plaintext));
    } else this.read.push(`kind ${header[0]}`);
  }
}
