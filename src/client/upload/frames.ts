import { FRAME_KIND, MAX_FRAME_BYTES } from '../../protocol/frames.js';
import type { FrameSealer } from '../channel/frames.js';
import { join } from '../call/bytes.js';

const NO_BYTES = new Uint8Array(0);
/** For how many milliseconds other code may get no turn of the event loop. */
const TURN_MS = 10;

/**
 * The frames of a body, up to its last (PROTOCOL §6).
 *
 * @param length of the body, if the head has it: the frames are then full, and the last one has the end. Otherwise each
 * piece is sent as it arrives, and the last frame is empty.
 * @param onSealed called with how many bytes of the body are in frames so far.
 * @throws TypeError if the body has another length.
 */
export async function* sealFrames(
  sealer: FrameSealer,
  pieces: AsyncIterable<Uint8Array>,
  length: number | undefined,
  onSealed: (loaded: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let loaded = 0;
  let turn = Date.now();
  for await (const piece of length === undefined ? cut(pieces) : fill(pieces)) {
    loaded += piece.length;
    if (length !== undefined && loaded > length) break;
    const frame = await sealer.seal(loaded === length ? FRAME_KIND.last : FRAME_KIND.more, piece);
    onSealed(loaded);
    yield frame;
    if (Date.now() - turn < TURN_MS) continue;
    await takeTurn();
    turn = Date.now();
  }
  if (length !== undefined && loaded !== length) throw new TypeError(`The body is not of its length, ${length} bytes.`);
  if (length === undefined || length === 0) yield await sealer.seal(FRAME_KIND.last, NO_BYTES);
}

/** If frames are sealed synchronously (Node), a source that always has more would block everything else. */
function takeTurn(): Promise<void> {
  const { setImmediate: later } = globalThis as { setImmediate?: (resolve: () => void) => void };
  return new Promise((resolve) => (later ? later(resolve) : resolve()));
}

/** Sends each piece at once, in as many frames as it needs. */
async function* cut(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; from += MAX_FRAME_BYTES) yield piece.subarray(from, from + MAX_FRAME_BYTES);
  }
}

/** Every frame except the last is full. */
async function* fill(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Uint8Array = NO_BYTES;
  for await (const piece of pieces) {
    let from = 0;
    if (rest.length > 0) {
      from = Math.min(piece.length, MAX_FRAME_BYTES - rest.length);
      rest = join([rest, piece.subarray(0, from)], rest.length + from);
      if (rest.length < MAX_FRAME_BYTES) continue;
      yield rest;
    }
    for (; from + MAX_FRAME_BYTES <= piece.length; from += MAX_FRAME_BYTES) {
      yield piece.subarray(from, from + MAX_FRAME_BYTES);
    }
    rest = piece.slice(from);
  }
  if (rest.length > 0) yield rest;
}
