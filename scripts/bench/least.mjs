import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';

// The least that encryption can cost: AES-256-GCM by hand, with one key that both ends know. No channel, no header, no
// replay window. A body is one text; a body in frames is whole frames of 64 KiB and their tags, one after the other.

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

/** A body as text: IV, ciphertext and tag in base64url. */
export function sealText(text) {
  const iv = randomBytes(12);
  const cipher = createCipheriv(CIPHER, KEY, iv, GCM);
  const ciphertext = cipher.update(text);
  cipher.final();
  return [iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url')).join('.');
}

export function openText(text) {
  const [iv, ciphertext, tag] = text.split('.').map((part) => Buffer.from(part, 'base64url'));
  const decipher = createDecipheriv(CIPHER, KEY, iv, GCM).setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  decipher.final();
  return plaintext.toString();
}

/** What nobody can do without: AES-256-GCM, base64url and JSON, once each way. */
export function echoByHand(text) {
  return sealText(JSON.stringify(JSON.parse(openText(text))));
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
