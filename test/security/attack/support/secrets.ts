import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { MemoryStore } from 'express-session';
import { decodeChannel } from '../../../../src/channel/store/channel-record.js';
import { Channel } from '../../../../src/channel/channel.js';
import { Vault } from '../../../../src/channel/store/vault.js';
import { NodeEngine, nodeEngine } from '../../../../src/crypto/node.js';
import type { Bytes, ContentKey, KeyPair, PrivateKey, PublicKey } from '../../../../src/protocol/crypto.js';
import { joinHybridKey } from '../../../../src/protocol/hybrid-key.js';
import { HYBRID, KEY_KINDS, type KeyKind, type X25519PublicJwk } from '../../../../src/protocol/keys.js';
import { createPrivateKey } from 'node:crypto';

/** Secrets by what they are. */
export type Secrets = Map<string, Uint8Array>;

class HybridPrivateKey implements PrivateKey {
  readonly kind: KeyKind = HYBRID;
  constructor(
    readonly x25519: PrivateKey,
    readonly mlKem: Bytes,
  ) {}
}

/** An engine that the real client takes as its own, and that tells on it: every secret of its channels is kept. */
export class TellTaleEngine extends NodeEngine {
  readonly secrets: Secrets = new Map();

  override readonly kinds: readonly KeyKind[] = KEY_KINDS;

  override generateKeyPair(kind: KeyKind, modulusLength?: number): KeyPair {
    if (kind === HYBRID) return this.#generateHybridPair();
    const pair = super.generateKeyPair(kind, modulusLength);
    this.#keep(`client's ${kind}`, packedParts(this.packPrivateKey(pair.privateKey)));
    return pair;
  }

  override agree(privateKey: PrivateKey, publicKey: PublicKey): Bytes | undefined {
    return super.agree(privateKey instanceof HybridPrivateKey ? privateKey.x25519 : privateKey, publicKey);
  }

  decapsulate(privateKey: PrivateKey, ciphertext: Bytes): Bytes | undefined {
    return privateKey instanceof HybridPrivateKey ? ml_kem768.decapsulate(ciphertext, privateKey.mlKem) : undefined;
  }

  #generateHybridPair(): KeyPair {
    const { publicKey: x25519, privateKey } = this.generateKeyPair('X25519');
    const { publicKey: encapsulationKey, secretKey } = ml_kem768.keygen();
    // The secret polynomials, and the seed of implicit rejection; what stands between is public.
    this.#keep("client's ML-KEM-768", [secretKey.subarray(0, 1152), secretKey.subarray(-32)]);
    return {
      publicKey: joinHybridKey({ encapsulationKey, x25519: x25519 as X25519PublicJwk }),
      privateKey: new HybridPrivateKey(privateKey, secretKey),
    };
  }

  override hkdf(ikm: Bytes, salt: Bytes, info: Bytes): Bytes {
    const key = super.hkdf(ikm, salt, info);
    this.#keep('IKM', [ikm.subarray(0, 32), ikm.subarray(32)]);
    this.#keep('channel key', [key]);
    return key;
  }

  override importContentKey(bytes: Bytes): ContentKey {
    this.#keep('content key', [Uint8Array.from(bytes)]);
    return super.importContentKey(bytes);
  }

  #keep(name: string, secrets: readonly Uint8Array[]): void {
    for (const secret of secrets) if (secret.length > 0) this.secrets.set(`${name} ${this.secrets.size}`, secret);
  }
}

/** The secrets of a server's channels, out of its session store: by the deployment's secret, and not without. */
export function serverSecrets(sessions: Readonly<Record<string, string>>, secret: string): Secrets {
  const vault = new Vault(nodeEngine, [secret]);
  const ids = Object.keys(sessions).filter((name) => !name.startsWith('e2e:'));
  const found: Secrets = new Map();
  for (const [name, value] of Object.entries(sessions)) {
    const kid = /^e2e:channel:(.*)/.exec(name)?.[1];
    if (kid === undefined) continue;
    const [epoch, ...wrapped] = (JSON.parse(value) as { e2e: string }).e2e.split('.');
    for (const id of ids) {
      const record = vault.unwrap(`channel\n${id}\n${epoch}\n${kid}`, wrapped.join('.'));
      if (!record) continue;
      const { privateKey, ss } = Channel.stateOf(decodeChannel(nodeEngine, kid, record));
      const parts = packedParts(nodeEngine.packPrivateKey(privateKey));
      for (const secretBytes of [...parts, ...(ss ? [ss] : [])]) found.set(`server's ${found.size}`, secretBytes);
    }
  }
  return found;
}

/** A private key as it may turn up: whole, and its secret numbers. */
export function privateParts(der: Uint8Array): Uint8Array[] {
  const { d, p, q } = createPrivateKey({ key: Buffer.from(der), type: 'pkcs8', format: 'der' }).export({
    format: 'jwk',
  });
  return [der, ...[d, p, q].filter((part) => part !== undefined).map((part) => Buffer.from(part, 'base64url'))];
}

/** The same of a key as a channel's record has it: each number after two bytes of length. */
function packedParts(packed: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 2; start < packed.length; start += parts.at(-1)!.length + 2) {
    parts.push(packed.subarray(start, start + packed[start - 2]! * 256 + packed[start - 1]!));
  }
  const publicParts = parts.length === 2 ? 1 : 2; // x; x and y; n and e
  return [packed, ...parts.slice(publicParts)];
}

/** What an express-session MemoryStore holds. */
export function sessionsOf(store: MemoryStore): Readonly<Record<string, string>> {
  return (store as MemoryStore & { sessions: Record<string, string> }).sessions;
}
