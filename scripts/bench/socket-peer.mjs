import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { WebSocket } from 'ws';
import { sealHead } from './seal.mjs';

// The client's side of a sealed socket, by the protocol's text, without waiting: messages are made ahead.

const TEXT = 3;

function keyOf(base, head) {
  const salt = createHash('sha256').update(head).digest();
  return Buffer.from(hkdfSync('sha256', base, salt, 'e2e/1 frames', 32));
}

function nonceOf(number) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}

/** A socket in the clear, as far as the load uses one. */
export class PlainPeer {
  /** Tells the one who waits for the next message. */
  #settle;
  #last;
  /** @type {(() => void) | undefined} */
  onMessage;

  constructor(raw) {
    this.raw = raw;
    raw.on('message', (data) => {
      this.#last = data;
      this.onMessage?.();
      this.#settle?.();
    });
  }

  static async open(port, target, headers) {
    const raw = new WebSocket(`ws://127.0.0.1:${port}${target}`, { headers, perMessageDeflate: false });
    const peer = new this(raw);
    await new Promise((resolve, reject) => raw.once('open', resolve).once('error', reject));
    return peer;
  }

  /** A message, as it goes on the wire. */
  make(text) {
    return text;
  }
  /** The text of the last message that came. */
  read() {
    return this.#last.toString();
  }
  get lastData() {
    return this.#last;
  }

  /** Sends what `make` made, and waits for the answer. */
  send(message) {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.raw.send(message);
    });
  }

  close() {
    this.raw.terminate();
  }
}

export class SealedPeer extends PlainPeer {
  #in;
  #out;
  #sent = 0;
  #received = -1;

  /** @override */
  static async open(port, target, headers, channel) {
    const head = sealHead(channel, target);
    const raw = new WebSocket(`ws://127.0.0.1:${port}${target}`, ['e2e.1'], { headers, perMessageDeflate: false });
    const peer = new this(raw);
    const answer = await new Promise((resolve, reject) => {
      raw.once('open', () => raw.send(head)).once('error', reject);
      raw.once('message', (data, isBinary) => (isBinary ? reject(new Error('no head')) : resolve(data.toString())));
      raw.once('close', (code) => reject(new Error(`closed with ${code}`)));
    });
    if (answer.startsWith('{')) throw new Error(answer);
    peer.#in = keyOf(channel.responseFrames, answer);
    peer.#out = keyOf(channel.requestFrames, head);
    return peer;
  }

  constructor(raw) {
    super(raw);
    raw.on('message', () => this.#received++);
  }

  /** @override */
  make(text) {
    const header = Buffer.of(TEXT);
    const cipher = createCipheriv('aes-256-gcm', this.#out, nonceOf(this.#sent++)).setAAD(header);
    return Buffer.concat([header, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  }
  /** @override */
  read() {
    const data = this.lastData;
    const decipher = createDecipheriv('aes-256-gcm', this.#in, nonceOf(this.#received - 1));
    decipher.setAAD(data.subarray(0, 1)).setAuthTag(data.subarray(-16));
    return Buffer.concat([decipher.update(data.subarray(1, -16)), decipher.final()]).toString();
  }
}
