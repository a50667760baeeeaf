// The engines, the keys, and what is read before anything is decrypted.
import { row } from '../row.mjs';

const KEYS = 'test/unit/protocol/keys.spec.ts';
const ENGINES = 'test/unit/crypto/engines.spec.ts';
const KINDS = 'test/unit/client/kinds.spec.ts';
const MESSAGE = 'test/unit/protocol/message.spec.ts';
const FRAMES = 'test/unit/protocol/frames.spec.ts';

export const crypto = [
  row('a P-256 key is a point on the curve', KEYS, '', [
    'src/protocol/curve-keys.ts',
    "return isOnP256(toBigInt(x), toBigInt(y)) ? undefined : 'off the curve';",
    'return undefined;',
  ]),
  row('an X25519 key has its top bit clear', KEYS, '', [
    'src/protocol/curve-keys.ts',
    "return x[31]! >> 7 === 0 ? undefined : 'top bit';",
    'return undefined;',
  ]),
  row('an ML-KEM-768 key has its coefficients reduced', KEYS, 'every coefficient below q', [
    'src/protocol/hybrid-key.ts',
    "if (!hasReducedCoefficients(pub.subarray(0, ENCAPSULATION_KEY_BYTES))) return 'modulus';",
    '',
  ]),
  row('the X25519 half of a hybrid key has its top bit clear', KEYS, 'hybrid', [
    'src/protocol/hybrid-key.ts',
    "return pub[BYTES - 1]! >> 7 === 0 ? undefined : 'pub top bit';",
    'return undefined;',
  ]),
  row('a hybrid channel accepts ML-KEM ciphertexts of the exact length only', KINDS, 'secret of 1,087 bytes', [
    'src/crypto/hybrid.ts',
    'return ciphertext.length === CIPHERTEXT_BYTES ? decapsulator.decapsulate(ciphertext) : undefined;',
    'return decapsulator.decapsulate(ciphertext);',
  ]),
  row('a hybrid handshake has a secret', KINDS, 'no secret', [
    'src/protocol/jwk.ts',
    "return kind === 'RSA' || kind === HYBRID;",
    "return kind === 'RSA';",
  ]),
  row('the client falls back only to listed key kinds', KINDS, 'never followed', [
    'src/client/options.ts',
    'const keyKinds = [keyKind].flat();',
    'const keyKinds = [keyKind, ...KEY_KINDS].flat();',
  ]),
  row('the client falls back only if the key kind was refused', KINDS, 'does not go on', [
    'src/client/handshake/opener.ts',
    "return error.problem === 'key-rejected' || ",
    'return true || ',
  ]),
  row('the number of waiting hybrid handshakes is limited', 'test/unit/channel/encapsulator.spec.ts', '32 wait', [
    'src/channel/encapsulator.ts',
    'this.#stopped || this.#waiters.length >= MAX_WAITING',
    'this.#stopped',
  ]),
  row('an RSA ciphertext is as long as the modulus', ENGINES, 'without its first byte', [
    'src/crypto/node.ts',
    'if (ciphertext.length * 8 !== own.asymmetricKeyDetails?.modulusLength) return undefined;',
    '',
  ]),
  row('a handshake refuses a shared secret of zeros', 'test/unit/channel/agreement.spec.ts', 'all zeros', [
    'src/channel/handshake.ts',
    'if (!channel.hasSharedSecret) {',
    'if (false) {',
  ]),
  row('a record does not store the ML-KEM key', 'test/security/attack/at-rest.spec.ts', 'X25519 half', [
    'src/channel/handshake.ts',
    'clientKey: channelKey,',
    'clientKey,',
  ]),
  row('a key carries no private member', KEYS, '', [
    'src/protocol/jwk.ts',
    "if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) return 'private';",
    '',
  ]),
  row("a key carries no other kind's members", KEYS, '', [
    'src/protocol/jwk.ts',
    "return KEY_MEMBERS.some(isForeign) ? 'members' : undefined;",
    'return undefined;',
  ]),
  row('an RSA modulus has no small factor', KEYS, '', [
    'src/protocol/rsa-key.ts',
    "if (rest % prime === 0) return 'small factor';",
    '',
  ]),
  row('an RSA modulus has no ROCA fingerprint', KEYS, '', [
    'src/protocol/rsa-key.ts',
    "return looksLikeRoca ? 'roca' : undefined;",
    'return undefined;',
  ]),
  row('a PEM key is exact DER without trailing bytes', KEYS, '', [
    'src/crypto/spki.ts',
    'if (canonical.equals(der)) return jwk;',
    'if (canonical) return jwk;',
  ]),
  row('base64url is canonical in every engine', ENGINES, 'base64url', [
    'src/protocol/base64url.ts',
    'return held < 6 && (bits & ((1 << held) - 1)) === 0 ? bytes : undefined;',
    'return bytes;',
  ]),
  row('a frame opens only at its own position', FRAMES, '', [
    'src/protocol/frames.ts',
    'nonce[at--] = left & 0xff;',
    'nonce[at--] = left & 0;',
  ]),
  row('a stream ends only with its last frame', FRAMES, '', [
    'src/protocol/frames.ts',
    "if (!this.#ended || this.#filled > 0) throw new StreamError('stream-broken');",
    '',
  ]),
  row('nothing follows the last frame', FRAMES, '', [
    'src/protocol/frames.ts',
    "if (this.#ended) throw new StreamError('stream-broken');",
    '',
  ]),
  row('a stream has the length that its head says', FRAMES, '', [
    'src/protocol/frames.ts',
    "if (isTooLong || isTooShort) throw new StreamError('stream-broken');",
    '',
  ]),
  row("a response's body is where its header says", 'test/unit/client/answers.spec.ts', 'is refused', [
    'src/client/channel/plaintext.ts',
    'return frames === expected && (body.length === 0 || (frames === undefined && cty !== undefined));',
    'return true;',
  ]),
  row('tags are compared by the engine, not by forge', ENGINES, 'forge', [
    'src/crypto/forge.ts',
    'if (!equal(toBytes(decipher.mode.tag.getBytes()), tag)) return undefined;',
    '',
  ]),
  row('a media type has no duplicate parameter and no charset but UTF-8', MESSAGE, '', [
    'src/protocol/media-type.ts',
    "if (names.has(name) || (name === 'charset' && unquote(value).toLowerCase() !== 'utf-8')) return false;",
    '',
  ]),
  row(
    'a message cannot contain another message',
    'test/integration/parity/incoming.spec.ts',
    'express.*application/jose',
    [
      'src/protocol/media-type.ts',
      'if ([MESSAGE_MEDIA_TYPE, STREAM_MEDIA_TYPE].includes(type.toLowerCase())) return false;',
      '',
    ],
  ),
  row('a JWS has three parts', 'test/unit/client/handshake.spec.ts', 'signature or form', [
    'src/protocol/jws.ts',
    ' || more.length > 0',
    '',
  ]),
  row('padding hides lengths', 'test/unit/protocol/padding.spec.ts', '', [
    'src/protocol/padding.ts',
    'const length = padding ? padmeLength(json.length) : json.length;',
    'const { length } = json;',
  ]),
];
