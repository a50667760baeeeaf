import { throwIfAborted } from '../abort.js';
import { fromAscii } from '../../protocol/json.js';
import { MAX_HEAD_BYTES, StreamError } from '../../protocol/frames.js';
import type { Channel, OpenedAnswer } from '../channel/channel.js';
import { FrameOpener } from '../channel/frames.js';
import { E2eClientError } from '../errors.js';
import type { CallResult, SentRequest } from '../call/answer.js';
import { collect, readPieces, type Pieces } from '../call/bytes.js';
import { tooEarly, tooLarge, toResult, unopened } from '../call/opened.js';
import { hasStreams, toReadable } from '../call/readable.js';
import type { Settings } from '../options.js';

const LINE_FEED = 0x0a;

/** A response in frames (PROTOCOL §6): its head, and the body that follows. */
export interface AnswerStream {
  readonly opened: OpenedAnswer;
  /** One frame at a time; throws E2eClientError `stream-broken` or `stream-failed` unless the body ends correctly. */
  readonly body: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
  /** Cancels the rest, and its connection. */
  readonly cancel: () => void;
}

/** The response as its caller gets it: returned with its head, and read as its caller reads it. */
export async function readStream(
  wire: Response,
  { request, claim: { channel, seq } }: SentRequest,
  { maxResponseSize, sealedResponseHeaders }: Settings,
): Promise<CallResult> {
  const stream = await openAnswerStream(wire, channel, seq, request.signal, (loaded, total) =>
    request.onProgress?.({ direction: 'download', loaded, total }),
  );
  if (!stream) return unopened(request);
  const { header } = stream.opened;
  const early = await tooEarly(header);
  if (early) {
    stream.cancel();
    return early;
  }
  const body = hasStreams()
    ? toReadable(async () => (await stream.body.next()).value ?? undefined, stream.cancel)
    : await collect(stream.body, maxResponseSize);
  if (!body) return tooLarge(maxResponseSize);
  return toResult(wire, stream.opened, body, header.length, sealedResponseHeaders);
}

/**
 * Opens the head of a response in frames; `undefined` for any failure.
 *
 * @param onOpened called with how many bytes of the body are opened, and how many there are, if the head says it.
 */
export async function openAnswerStream(
  wire: Response,
  channel: Channel,
  seq: number,
  signal: AbortSignal | undefined,
  onOpened?: (loaded: number, total: number | undefined) => void,
): Promise<AnswerStream | undefined> {
  const source = readPieces(wire);
  const start = await readHead(source.pieces);
  const opened = start && (await channel.open(seq, fromAscii(start.head), 'body'));
  if (!opened) {
    source.cancel();
    return undefined;
  }
  return { opened, body: openFrames(source, start.rest, opened, signal, onOpened), cancel: source.cancel };
}

/** What is before the first line feed, and what arrived with it. */
async function readHead(pieces: Pieces['pieces']): Promise<{ head: Uint8Array; rest: Uint8Array } | undefined> {
  let seen = new Uint8Array(0);
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    const longer = new Uint8Array(seen.length + next.value.length);
    longer.set(seen);
    longer.set(next.value, seen.length);
    const end = longer.indexOf(LINE_FEED, seen.length);
    if (end > MAX_HEAD_BYTES || (end < 0 && longer.length > MAX_HEAD_BYTES)) return undefined;
    if (end >= 0) return { head: longer.subarray(0, end), rest: longer.subarray(end + 1) };
    seen = longer;
  }
  return undefined;
}

async function* openFrames(
  { pieces, cancel }: Pieces,
  rest: Uint8Array,
  { header: { length }, streamKey }: OpenedAnswer,
  signal: AbortSignal | undefined,
  onOpened?: (loaded: number, total: number | undefined) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let loaded = 0;
  try {
    const opener = new FrameOpener(await streamKey(), length);
    for (let chunk: Uint8Array | undefined = rest; chunk; chunk = (await pieces.next()).value ?? undefined) {
      for await (const plaintext of opener.push(chunk)) {
        onOpened?.((loaded += plaintext.length), length);
        yield plaintext as Uint8Array<ArrayBuffer>;
      }
    }
    opener.end();
  } catch (error) {
    throwIfAborted(signal);
    throw streamError(error);
  } finally {
    cancel();
  }
}

/** A cut connection is also a broken stream: what was read is a prefix, and must not count as the whole body. */
function streamError(error: unknown): E2eClientError {
  const code = error instanceof StreamError ? error.code : 'stream-broken';
  const message =
    code === 'stream-failed'
      ? "The server aborted its response. What was read is authentic, but not complete. The server's log says why."
      : 'The response was cut off or changed on the way. What was read is authentic, but not complete. Fetch it again. If it fails every time, look for a proxy with a time limit, or one that changes bodies.';
  return Object.assign(new E2eClientError(code, message), { cause: error });
}
