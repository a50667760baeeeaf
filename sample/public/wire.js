const HANDSHAKE = '/e2e/handshake';
const STREAM = 'application/vnd.e2e.stream';
/** So much of a long body is looked at. */
const PEEK_BYTES = 4_096;
const PEEK_FRAMES = 6;

/**
 * A `fetch` that shows what passes through it. Given to the client as its `fetch` option, it stands where a proxy or
 * the devtools stand: it gets what the client has sealed already, and what the server sealed.
 *
 * @param frame called with each frame of live events, as a line of text
 */
export function tapFetch({ sent, received, frame }) {
  const exchanges = [];

  async function tappedFetch(input, init = {}) {
    const { pathname, search } = new URL(input, location.href);
    const headers = new Headers(init.headers);
    const exchange = {
      method: init.method ?? 'GET',
      target: pathname + search,
      isHandshake: pathname === HANDSHAKE,
      isEvents: pathname === '/events',
      type: headers.get('content-type'),
      message: headers.get('e2e-request'),
      body: await wireText(init.body),
    };
    if (!exchange.isEvents) exchanges.push(exchange);
    sent(exchange);
    const response = await fetch(input, init);
    const type = response.headers.get('content-type');
    exchange.response = { status: response.status, type, body: '' };
    const copy = response.clone();
    if (type === STREAM) {
      exchange.watched = watch(copy.body, exchange, frame);
    } else {
      exchange.response.body = await copy.text();
      received(exchange);
    }
    return response;
  }

  /** The exchanges since the last time, with what their answers carried. */
  async function takeExchanges() {
    const taken = exchanges.splice(0);
    for (const exchange of taken) {
      if (!exchange.watched) continue;
      await exchange.watched;
      received(exchange);
    }
    return taken;
  }
  return { fetch: tappedFetch, takeExchanges };
}

/** What a body looks like on the wire, as text: of frames, the head, and a line for each of the first ones. */
async function wireText(body) {
  if (body === undefined || body === null || typeof body === 'string') return body ?? '';
  const blob = new Blob([body]);
  const reader = new FrameLines();
  reader.push(new Uint8Array(await blob.slice(0, PEEK_BYTES).arrayBuffer()), PEEK_FRAMES);
  return reader.text + (blob.size > PEEK_BYTES ? `\n… ${blob.size.toLocaleString('en')} bytes in all` : '');
}

/** Notes the first frames of an answer; of live events each, until they end. */
async function watch(stream, exchange, frame) {
  const lines = new FrameLines();
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const line of lines.push(value, exchange.isEvents ? Infinity : PEEK_FRAMES)) {
        if (exchange.isEvents) frame(line);
      }
      exchange.response.body = lines.text;
      if (!exchange.isEvents && lines.isFull) break;
    }
  } catch {
    // Whoever reads the other copy hears of it.
  }
  void reader.cancel().catch(() => undefined);
}

/** Reads a body in frames only as far as anyone can without the keys: the head, and where each frame ends. */
class FrameLines {
  text = '';
  isFull = false;
  #bytes = new Uint8Array(0);
  #count = 0;

  /** The lines of the frames that began with these bytes. */
  push(bytes, limit) {
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#bytes = joined;
    if (this.text === '') {
      const end = joined.indexOf(10);
      if (end === -1) return [];
      this.text = new TextDecoder().decode(joined.subarray(0, end));
      this.#bytes = joined.subarray(end + 1);
    }
    const lines = [];
    while (!this.isFull && this.#bytes.length >= 4) {
      const length = (this.#bytes[1] << 16) | (this.#bytes[2] << 8) | this.#bytes[3];
      const isCut = this.#bytes.length < 4 + length;
      // Of a body that is only looked into, the frame that goes on beyond is shown too.
      if (isCut && limit === Infinity) break;
      lines.push(frameLine(this.#bytes.subarray(0, 4 + length), this.#bytes[0], length));
      this.#bytes = this.#bytes.subarray(4 + length);
      this.#count++;
      this.isFull = isCut || this.#count >= limit;
    }
    if (limit !== Infinity) this.text = [this.text, ...lines].join('\n');
    return lines;
  }
}

function frameLine(bytes, kind, length) {
  const hex = [...bytes.subarray(0, 44)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const name = ['frame', 'last frame', 'given up'][kind] ?? 'unknown frame';
  return `${name}, ${length.toLocaleString('en')} bytes: ${hex}${bytes.length > 44 ? '…' : ''}`;
}

/** The five parts of the compact JWE that a text is or begins with, or `undefined` for any other text. */
export function jweParts(text) {
  const [head] = text.split('\n', 1);
  const parts = head.split('.');
  return parts.length === 5 && text.startsWith('eyJ') ? parts : undefined;
}

/** What a message's protected header says: it is authenticated, not hidden. */
export function readJweHeader(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
