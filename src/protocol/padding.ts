import { essence, JSON_MEDIA_TYPE, PROBLEM_MEDIA_TYPE } from './media-type.js';

const SPACE = 0x20;
const COLON = 0x3a;
const LINE_FEED = 0x0a;
/** Writes of server-sent events are padded to multiples of this many bytes (PROTOCOL §4, Padding). */
const EVENT_UNIT = 128;

/**
 * The Padmé length of `length` bytes (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
 * Communication with PURBs", 2019): at most 12 % more, and it reveals only O(log log n) bits of the length.
 */
export function padmeLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const mantissaBits = Math.floor(Math.log2(exponent)) + 1;
  const unit = 2 ** Math.max(0, exponent - mantissaBits);
  return Math.ceil(length / unit) * unit;
}

/**
 * A body followed by spaces, which every JSON parser ignores, up to its Padmé length. A body that is not JSON is
 * unchanged.
 */
export function pad(plaintext: Uint8Array, mediaType: string | undefined): Uint8Array {
  const type = mediaType === undefined ? '' : essence(mediaType);
  return padJson(plaintext, type === JSON_MEDIA_TYPE || type === PROBLEM_MEDIA_TYPE);
}

/** JSON, with spaces after it if `padding` is on. */
export function padJson(json: Uint8Array, padding: boolean): Uint8Array {
  const length = padding ? padmeLength(json.length) : json.length;
  if (length === json.length) return json;
  const padded = new Uint8Array(length).fill(SPACE);
  padded.set(json);
  return padded;
}

/**
 * Whole lines of server-sent events, padded to the next multiple of 128 bytes with a comment line, which parsers
 * ignore.
 */
export function fillEvents(lines: Uint8Array): Uint8Array {
  let length = Math.ceil(lines.length / EVENT_UNIT) * EVENT_UNIT;
  if (length === lines.length) return lines;
  // The shortest comment line is a colon and a line feed.
  if (length - lines.length < 2) length += EVENT_UNIT;
  const filled = new Uint8Array(length).fill(SPACE);
  filled.set(lines);
  filled[lines.length] = COLON;
  filled[length - 1] = LINE_FEED;
  return filled;
}
