import { fromUtf8 } from '../../../../src/protocol/json.js';
import { nodeEngine } from '../../../../src/crypto/node.js';
import { parseRequestHeader } from '../../../../src/protocol/message.js';

/** A message that was changed, one character for each byte. */
export interface Mutation {
  readonly what: string;
  readonly text: string;
}

/** Every shorter beginning of a text, the empty one too. */
export function* truncations(text: string): Generator<Mutation> {
  for (let length = 0; length < text.length; length++) yield { what: `cut to ${length}`, text: text.slice(0, length) };
}

/** The text with this bit of this byte flipped. */
export function flip(text: string, index: number, bit: number): Mutation {
  const flipped = String.fromCharCode(text.charCodeAt(index) ^ (1 << bit));
  return { what: `bit ${bit} of byte ${index}`, text: text.slice(0, index) + flipped + text.slice(index + 1) };
}

/** All eight bits of every byte, one at a time. */
export function* flips(text: string): Generator<Mutation> {
  for (let index = 0; index < text.length; index++) for (let bit = 0; bit < 8; bit++) yield flip(text, index, bit);
}

/**
 * How a tampered request is refused: `message-rejected`, unless the very byte that was changed belongs to the name of
 * the channel, which then is another one's, and unknown. That is told before anything is decrypted (PROTOCOL §5).
 */
export function refusalOf(tampered: string, kid: string): 'message-rejected' | 'handshake-required' {
  const encoded = nodeEngine.decodeBase64url(tampered.split('.')[0] ?? '');
  let named: string | undefined;
  try {
    named = encoded && parseRequestHeader(fromUtf8(encoded))?.kid;
  } catch {
    // not UTF-8
  }
  return named === undefined || named === kid ? 'message-rejected' : 'handshake-required';
}
