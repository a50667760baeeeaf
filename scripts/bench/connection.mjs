import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * A request as it stands on the wire, whole.
 *
 * @param {{ method?: string; target: string; headers?: Record<string, string | undefined>; body?: string | Buffer }} request
 */
export function rawRequest({ method = 'POST', target, headers = {}, body = '' }) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', `Content-Length: ${bytes.length}`];
  for (const [name, value] of Object.entries(headers)) if (value) lines.push(`${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]);
}

/**
 * One kept-alive connection to 127.0.0.1 that knows just enough HTTP/1.1 to tell where an answer ends: the server is
 * measured, and whatever the load costs is taken from the same machine.
 */
export class Connection {
  #socket;
  #chunks = [];
  #length = 0;
  #head;
  #settle;

  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    const end = (error) => this.#settle?.reject(error ?? new Error('the server closed the connection'));
    socket.on('error', end).on('close', () => end());
  }

  /** The answer's status, head and body as bytes. */
  send(request) {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) throw new Error('the server closed the connection');
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close() {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(chunk) {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (!this.#head) {
      const joined = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
      const end = joined.indexOf(HEAD_END);
      if (end < 0) return;
      const head = joined.latin1Slice(0, end);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head);
      if (!length) throw new Error(`an answer without its length:\n${head}`);
      this.#head = { status: Number(head.slice(9, 12)), head, begin: end + 4, end: end + 4 + Number(length[1]) };
    }
    if (this.#length < this.#head.end) return;
    const whole = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const { status, head, begin, end } = this.#head;
    this.#chunks = [];
    this.#length = 0;
    this.#head = undefined;
    const { resolve } = this.#settle;
    this.#settle = undefined;
    resolve({ status, head, body: whole.subarray(begin, end) });
  }
}
