/**
 * As much of node-forge as the forge engine uses. `@types/node-forge` brings Node's types along, which would let a
 * `Buffer` into the code for browsers, and lacks the stepwise making of a key pair.
 */
declare module 'node-forge' {
  /** Bytes as characters from U+0000 to U+00FF. */
  type Binary = string;

  class BigInteger {
    constructor(digits: string, radix: number);
    toString(radix: number): string;
  }
  interface ByteBuffer {
    getBytes(): Binary;
  }
  interface Cipher {
    readonly mode: { readonly tag: ByteBuffer };
    readonly output: ByteBuffer;
    start(options: { iv: Binary; additionalData: Binary; tagLength: number; tag?: Binary }): void;
    update(input: ByteBuffer): void;
    finish(): boolean;
  }
  interface MessageDigest {
    update(data: Binary, encoding: 'raw'): MessageDigest;
    digest(): ByteBuffer;
  }
  interface Oaep {
    readonly md: MessageDigest;
    readonly mgf1: { readonly md: MessageDigest };
  }
  interface RsaPublicKey {
    readonly n: BigInteger;
    encrypt(data: Binary, scheme: 'RSA-OAEP', options: Oaep): Binary;
  }
  interface RsaPrivateKey {
    decrypt(data: Binary, scheme: 'RSA-OAEP', options: Oaep): Binary;
  }
  interface KeyPairGenerationState {
    readonly keys: { readonly publicKey: RsaPublicKey; readonly privateKey: RsaPrivateKey } | null;
  }

  const forge: {
    readonly jsbn: { readonly BigInteger: typeof BigInteger };
    readonly util: { createBuffer(data: Binary): ByteBuffer };
    readonly md: { readonly sha256: { create(): MessageDigest } };
    readonly hmac: {
      create(): { start(hash: 'sha256', key: Binary): void; update(data: Binary): void; digest(): ByteBuffer };
    };
    readonly cipher: {
      createCipher(algorithm: 'AES-GCM', key: Binary): Cipher;
      createDecipher(algorithm: 'AES-GCM', key: Binary): Cipher;
    };
    readonly pki: {
      readonly rsa: {
        setPublicKey(n: BigInteger, e: BigInteger): RsaPublicKey;
        setPrivateKey(
          n: BigInteger,
          e: BigInteger,
          d: BigInteger,
          p: BigInteger,
          q: BigInteger,
          dp: BigInteger,
          dq: BigInteger,
          qi: BigInteger,
        ): RsaPrivateKey;
        createKeyPairGenerationState(
          bits: number,
          e: number,
          options: { prng: { getBytesSync(length: number): Binary } },
        ): KeyPairGenerationState;
        stepKeyPairGenerationState(state: KeyPairGenerationState, milliseconds: number): boolean;
      };
    };
    readonly ed25519: {
      verify(options: { message: Uint8Array; signature: Uint8Array; publicKey: Uint8Array }): boolean;
    };
  };
  export { RsaPrivateKey, RsaPublicKey };
  export default forge;
}
