import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';

// The least that a body in frames can cost: AES-256-GCM on every 64 KiB, by hand, with one key that both ends know. No
// channel, no head, no frame's length: only whole frames, of ciphertext and tag, one after the other.

const KEY = createSecretKey(Buffer.alloc(32, 1));
const CIPHER = 'aes-256-gcm';
const FRAME_BYTES = 65_536;
const TAG_BYTES = 16;
const GCM = { authTagLength: TAG_BYTES };

function nonceOf(number) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}

/** How long a body of whole frames is on the wire. */
export const wireLength = (bytes) => bytes + (bytes / FRAME_BYTES) * TAG_BYTES;

/** Seals and opens one message of so many bytes, whatever it says: what a sealed one cannot do without. */
export function exchanger(bytes) {
  const plaintext = Buffer.alloc(bytes, 'message ');
  const seal = sealer();
  const [ciphertext, tag] = sealer()(plaintext);
  return () => {
    const decipher = createDecipheriv(CIPHER, KEY, nonceOf(0), GCM).setAuthTag(tag);
    decipher.update(ciphertext);
    decipher.final();
    seal(plaintext);
  };
}

export function sealer() {
  let count = 0;
  return (piece) => {
    const cipher = createCipheriv(CIPHER, KEY, nonceOf(count++), GCM);
    const ciphertext = cipher.update(piece);
    cipher.final();
    return [ciphertext, cipher.getAuthTag()];
  };
}

/** Takes chunks as they come, and gives the plaintext of each frame once it is authentic; nothing is copied. */
export function opener() {
  let count = 0;
  let left = FRAME_BYTES;
  let decipher;
  let opened = [];
  let tag = Buffer.alloc(0);
  return function* (chunk) {
    for (let at = 0; at < chunk.length;) {
      decipher ??= createDecipheriv(CIPHER, KEY, nonceOf(count++), GCM);
      const part = chunk.subarray(at, at + (left > 0 ? left : TAG_BYTES - tag.length));
      at += part.length;
      if (left > 0) {
        opened.push(decipher.update(part));
        left -= part.length;
        continue;
      }
      tag = Buffer.concat([tag, part]);
      if (tag.length < TAG_BYTES) continue;
      decipher.setAuthTag(tag);
      decipher.final();
      yield* opened;
      [decipher, left, opened, tag] = [undefined, FRAME_BYTES, [], Buffer.alloc(0)];
    }
  };
}
