import { FRAME_KIND, FrameReader, StreamError } from '../protocol/frames.js';

/** What anyone sees of a body in frames (PROTOCOL §6). */
export interface InspectedFrames {
  /** Each with how much plaintext it holds, in bytes. */
  readonly frames: readonly { readonly kind: 'more' | 'last' | 'failed'; readonly length: number }[];
  /** `failed`: its sender gave up; `cut`: the last frame is missing; `broken`: what follows is no frame. */
  readonly end: 'whole' | 'failed' | 'cut' | 'broken';
}

const KINDS = Object.fromEntries(Object.entries(FRAME_KIND).map(([name, kind]) => [kind, name]));

/** @param bytes of a body of the type application/vnd.e2e.stream, which may be cut off. */
export function readStream(bytes: Uint8Array): InspectedFrames & { readonly head: string } {
  const found = bytes.indexOf(0x0a);
  const end = found < 0 ? bytes.length : found;
  const head = Buffer.from(bytes.subarray(0, end)).toString('latin1');
  const frames: InspectedFrames['frames'][number][] = [];
  const reader = new FrameReader(undefined);
  try {
    for (const { kind, ciphertext } of reader.push(bytes.slice(end + 1))) {
      frames.push({ kind: KINDS[kind] as 'more', length: ciphertext.length });
      reader.accept(kind, ciphertext.length);
    }
    reader.end();
    return { head, frames, end: 'whole' };
  } catch (error) {
    const isFailed = error instanceof StreamError && error.code === 'stream-failed';
    if (isFailed) return { head, frames, end: 'failed' };
    // Where the reader could still go on, there was nothing wrong but that it ended.
    return { head, frames, end: !reader.ended && canGoOn(bytes, end, frames) ? 'cut' : 'broken' };
  }
}

/** Whether what follows the frames that are whole could be the start of one. */
function canGoOn(bytes: Uint8Array, end: number, frames: InspectedFrames['frames']): boolean {
  const at = frames.reduce((sum, { length }) => sum + length + 20, end + 1);
  const rest = bytes.slice(at);
  try {
    return [...new FrameReader(undefined).push(rest)].length === 0;
  } catch {
    return false;
  }
}

const SHOWN = 20;

/** Lines that describe the frames. @param total bytes of the whole body, if only a part was read. */
export function summarize({ frames, end }: InspectedFrames, total?: number): string[] {
  const lines = frames.slice(0, SHOWN).map(({ kind, length }, index) => `frame ${index}  ${kind}  ${length} bytes`);
  const rest = frames.length - lines.length;
  const sum = frames.reduce((all, { length }) => all + length, 0);
  return [
    ...lines,
    ...(rest > 0 ? [`… and ${rest} more, ${frames.length} frames with ${sum} bytes`] : []),
    ...(total === undefined ? [ENDS[end]] : [`${total} bytes in all`]),
  ];
}

const ENDS: Readonly<Record<InspectedFrames['end'], string>> = {
  whole: 'It ends with its last frame.',
  failed: 'Its sender gave up: what came before is not the whole.',
  cut: 'It is cut off: its last frame is missing.',
  broken: 'It is broken: what follows is no frame, or follows the last.',
};
