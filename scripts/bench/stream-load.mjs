import { createE2eClient } from '../../dist/esm/client/index.js';
import { answerParent, optionsOfChild } from './children.mjs';

// The load on streams: the real client, and `fetch` itself, whose bodies both are the platform's own streams.

const { port } = optionsOfChild();
const base = `http://127.0.0.1:${port}`;
const PIECE = new Uint8Array(65_536).fill(120);

const client = createE2eClient({ baseUrl: base, keyKind: 'X25519' });
await client.handshake();
const ways = { plain: (path, init) => fetch(base + path, init), sealed: (path, init) => client.fetch(path, init) };
const held = [];

function bodyOf(bytes) {
  let left = bytes;
  return new ReadableStream(
    {
      pull(controller) {
        if (left > 0) controller.enqueue(left < PIECE.length ? PIECE.subarray(0, left) : PIECE);
        left -= PIECE.length;
        if (left <= 0) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}

/** Reads a body; milliseconds to its first byte and to its end, from `began`. */
async function drain({ body }, began, bytes) {
  let first;
  let read = 0;
  for await (const piece of body) {
    first ??= performance.now() - began;
    read += piece.length;
  }
  if (read !== bytes) throw new Error(`${read} of ${bytes} bytes`);
  return { first, all: performance.now() - began };
}

answerParent({
  /** Microseconds of CPU, as in server.mjs. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  async download(way, bytes) {
    const began = performance.now();
    return drain(await ways[way](`/${way}/download/${bytes}`), began, bytes);
  },
  async upload(way, bytes) {
    const began = performance.now();
    const headers = { 'content-type': 'application/octet-stream' };
    const init = { method: 'POST', headers, body: bodyOf(bytes), duplex: 'half' };
    const answer = await (await ways[way](`/${way}/upload`, init)).json();
    if (answer.bytes !== bytes) throw new Error(JSON.stringify(answer));
    return { all: performance.now() - began };
  },
  /** Opens streams of events and holds them, when each has had its first. */
  async hold(way, count) {
    for (let left = count; left > 0; left--) {
      const { body } = await ways[way](`/${way}/events`);
      const reader = body.getReader();
      await reader.read();
      held.push(reader);
    }
  },
  async letGo() {
    await Promise.all(held.splice(0).map((reader) => reader.cancel()));
  },
});
