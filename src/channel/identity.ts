import type { NodeEngine } from '../crypto/node.js';
import type { SigningKey } from '../protocol/crypto.js';
import { utf8 } from '../protocol/json.js';
import { PROOF_TYP, signingInput } from '../protocol/jws.js';
import { signatureAlgorithm, type SignatureAlgorithm, type SigningJwk } from '../protocol/keys.js';
import { thumbprint } from './thumbprint.js';

export type IdentityKeyInput = Parameters<NodeEngine['importSigningKey']>[0];

/** An identity key as it is published: a member of a JWK set (RFC 7517 §5). */
export type PublishedIdentityKey = SigningJwk & {
  readonly kid: string;
  readonly alg: SignatureAlgorithm;
  readonly use: 'sig';
};

/** The server's long-term signing keys (PROTOCOL §2): the first signs, all are published. There may be none. */
export class IdentityKeys {
  readonly published: readonly PublishedIdentityKey[];
  readonly #engine: NodeEngine;
  readonly #signing: SigningKey | undefined;

  constructor(engine: NodeEngine, keys: readonly IdentityKeyInput[]) {
    const imported = keys.map((key) => engine.importSigningKey(key));
    this.#engine = engine;
    this.#signing = imported[0]?.signingKey;
    this.published = imported.map(({ publicKey }) => ({
      ...publicKey,
      kid: thumbprint(engine, publicKey),
      alg: signatureAlgorithm(publicKey),
      use: 'sig',
    }));
  }

  /** The key that signs; `undefined` without one. */
  get signer(): PublishedIdentityKey | undefined {
    return this.published[0];
  }

  /** The proof over a transcript hash: a compact JWS (RFC 7515) whose payload is `b64u(th)`; `undefined` without a key. */
  prove(th: Uint8Array): string | undefined {
    const { signer } = this;
    if (!this.#signing || !signer) return undefined;
    const encode = (bytes: Uint8Array) => this.#engine.encodeBase64url(bytes);
    const signed = signingInput(encode, { alg: signer.alg, typ: PROOF_TYP, kid: signer.kid }, th);
    return `${signed}.${encode(this.#engine.sign(this.#signing, utf8(signed)))}`;
  }
}
