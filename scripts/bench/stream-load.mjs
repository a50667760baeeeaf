import { createE2eClient } from '../../dist/esm/client/index.js';
import { answerParent, optionsOfChild } from './children.mjs';
import { opener, sealer } from './least.mjs';

// The load on streams: the real client, and `fetch` itself, whose bodies both are the platform's own streams.

const { port } = optionsOfChild();
const base = `http://127.0.0.1:${port}`;
const PIECE = new Uint8Array(65_536).fill(120);

const client = createE2eClient({ baseUrl: base, keyKind: 'X25519' });
await client.handshake();
const ways = {
  plain: (path, init) => fetch(base + path, init),
  sealed: (path, init) => client.fetch(path, init),
  least: (path, init) => fetch(base + path, init),
};
const held = [];

function bodyOf(bytes, way) {
  let left = bytes;
  const seal = sealer();
  return new ReadableStream(
    {
      pull(controller) {
        const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
        if (left > 0) controller.enqueue(way === 'least' ? Buffer.concat(seal(piece)) : piece);
        left -= PIECE.length;
        if (left <= 0) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}

/** Reads a body; milliseconds to its first byte and to its end, from `began`. */
async function drain({ body }, began, bytes, way) {
  let first;
  let read = 0;
  const open = opener();
  for await (const chunk of body) {
    first ??= performance.now() - began;
    if (way !== 'least') read += chunk.length;
    else for (const piece of open(chunk)) read += piece.length;
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
    return drain(await ways[way](`/${way}/download/${bytes}`), began, bytes, way);
  },
  async upload(way, bytes) {
    const began = performance.now();
    const headers = { 'content-type': 'application/octet-stream' };
    const init = { method: 'POST', headers, body: bodyOf(bytes, way), duplex: 'half' };
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
