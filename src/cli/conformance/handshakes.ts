import { isAgainTag } from '../../channel/again.js';
import { nodeEngine as engine } from '../../crypto/node.js';
import { nobleMlKem } from '../../crypto/noble-ml-kem.js';
import type { Bytes, KeyPair } from '../../protocol/crypto.js';
import { splitHybridKey } from '../../protocol/hybrid-key.js';
import { keyKind, parsePublicKey, serverKeyKind, type KeyKind } from '../../protocol/keys.js';
import { againInput, PROTOCOL_VERSION } from '../../protocol/schedule.js';
import type { Behaviour } from './behaviour.js';
import {
  b64u,
  deriveKeys,
  proofOf,
  random,
  sealSecret,
  sha256,
  thumbprintOf,
  type ChannelKeys,
  type Json,
} from './secrets.js';

/** A channel at the runner's server. */
export interface ServerChannel {
  readonly kid: string;
  readonly kind: KeyKind;
  /** The session's cookie. */
  readonly cookie: string;
  readonly issuedAt: number;
  readonly seen: Set<number>;
  readonly ivs: Set<string>;
  readonly keysFor: (ek: string | undefined) => ChannelKeys | undefined;
  ek: string | undefined;
}

const TTL = 3600;

/**
 * The server's side of PROTOCOL §2: honest, except for what a case says. It goes on as if its response kept every rule.
 */
export class Handshakes {
  #pair: KeyPair | undefined;

  make(
    body: string,
    cookie: string,
    behaviour: Behaviour,
    count: number,
  ): { channel: ServerChannel; text: string | Bytes } {
    const clientKey = parsePublicKey((JSON.parse(body) as Json).publicKey);
    const kind = keyKind(clientKey);
    const pair =
      behaviour.reusesKey && count > 1 && this.#pair ? this.#pair : engine.generateKeyPair(serverKeyKind(kind));
    this.#pair = pair;
    const hybrid = clientKey.kty === 'AKP' ? splitHybridKey(clientKey) : undefined;
    const encapsulated = hybrid && nobleMlKem.encapsulate(hybrid.encapsulationKey);
    const ss = kind === 'RSA' ? random(32) : encapsulated?.secret;
    const now = Math.floor(Date.now() / 1000) + (behaviour.clockOffset ?? 0);
    const honest = {
      publicKey: pair.publicKey,
      kid: thumbprintOf(pair.publicKey),
      ...(ss && { secret: encapsulated ? b64u(encapsulated.ciphertext) : sealSecret(clientKey, ss) }),
      issuedAt: now,
      expiresAt: now + (behaviour.ttl ?? TTL),
      session: b64u(sha256(cookie).subarray(0, 16)),
    };
    const terms: Json = { ...honest, ...behaviour.terms?.({ clientKey, ss, now }) };
    const { identity } = behaviour;
    const th = transcriptHash(thumbprintOf(clientKey), terms, identity && thumbprintOf(identity.jwk));
    const proof = identity && (behaviour.proof ? behaviour.proof(th, identity) : proofOf(identity, th));
    const json = JSON.stringify({ ...terms, ...(identity && { proof }), ...behaviour.late });

    const channel: ServerChannel = {
      kid: honest.kid,
      kind,
      cookie,
      issuedAt: now,
      seen: new Set(),
      ivs: new Set(),
      ek: undefined,
      keysFor(ek) {
        const bytes = ek === undefined ? undefined : engine.decodeBase64url(ek);
        const other =
          kind === 'RSA'
            ? bytes && engine.rsaDecrypt(pair.privateKey, bytes)
            : engine.agree(pair.privateKey, engine.importPublicKey(hybrid?.x25519 ?? clientKey));
        return other && deriveKeys(ss ? Buffer.concat([ss, other]) : other, th, kind === 'RSA' ? ss : undefined);
      },
    };
    return { channel, text: behaviour.text ? behaviour.text(json) : json };
  }
}

/** The nine lines, of a response that may hold anything: as a client would read them that checks nothing. */
function transcriptHash(jkt: string, terms: Json, identity = ''): Bytes {
  const line = (name: string) => (terms[name] as string | undefined) ?? '';
  const lines = ['kid', 'secret', 'issuedAt', 'expiresAt', 'session', 'device'].map(line);
  return sha256([PROTOCOL_VERSION, jkt, ...lines, identity].join('\n'));
}

/** Whether a tag of `again` was made on this channel for that very copy (PROTOCOL §4). */
export function provesAgain(first: ServerChannel, firstSeq: number, tag: string, kid: string, seq: number): boolean {
  const key = first.keysFor(first.ek)?.again;
  return key !== undefined && isAgainTag(engine, key, againInput(firstSeq, kid, seq), tag);
}
