import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generateKeyPairSync, sign } from 'node:crypto';
import { provesDevice } from '../../../src/channel/device.js';
import { IdentityKeys } from '../../../src/channel/identity.js';
import { E2eClientError } from '../../../src/client/errors.js';
import { PinnedIdentity } from '../../../src/client/trust/identity.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { WebEngine } from '../../../src/crypto/web.js';
import { utf8 } from '../../../src/protocol/json.js';
import { signingInput } from '../../../src/protocol/jws.js';
import { parseSigningKey, type SigningJwk } from '../../../src/protocol/keys.js';
import { anyText, compactChange, edited, jsonChange } from './support/mutate.js';

const MEMBERS = ['alg', 'typ', 'kid', 'jwk', 'x5c', 'b64', 'crit'];
const TH = nodeEngine.randomBytes(32);
const encode = (bytes: Uint8Array) => nodeEngine.encodeBase64url(bytes);

const PAIRS = {
  Ed25519: generateKeyPairSync('ed25519'),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
const ALGORITHMS = ['Ed25519', 'ES256'] as const;
type Algorithm = (typeof ALGORITHMS)[number];

/** A JWS by the key of this algorithm, whatever its header says. */
function sealedBy(by: Algorithm, header: object, th: Uint8Array): string {
  const input = signingInput(encode, header, th);
  const key = { key: PAIRS[by].privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${input}.${encode(sign(by === 'ES256' ? 'sha256' : null, utf8(input), key))}`;
}

describe.each(ALGORITHMS)('a device proof by %s', (alg) => {
  const device: SigningJwk = parseSigningKey(PAIRS[alg].publicKey.export({ format: 'jwk' }));
  const header = { alg, typ: 'e2e-device+jws' };
  const honest = sealedBy(alg, header, TH);
  const proves = (dev: string | undefined) => provesDevice(nodeEngine, device, TH, dev);

  it('counts as it was signed, and in no other form', () => {
    expect(proves(honest)).toBe(true);
    fc.assert(
      fc.property(compactChange(MEMBERS), (change) => {
        const text = change(honest);
        expect(proves(text)).toBe(text === honest);
      }),
      { numRuns: 800 },
    );
  });

  it('counts for nothing where the very key signed anything else', () => {
    const other = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(jsonChange(MEMBERS), other, fc.boolean(), (change, bytes, isOther) => {
        const changed = change(JSON.stringify(header));
        const members = parsed(changed);
        const dev = sealedBy(alg, members, isOther ? bytes : TH);
        const { alg: said, typ, crit } = members as Record<string, unknown>;
        const isRight = !isOther && said === alg && typ === header.typ && crit === undefined;
        expect(proves(dev)).toBe(isRight);
      }),
      { numRuns: 300 },
    );
  });

  it('is no other text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect([proves(text), proves(`${text}.${honest}`), proves(undefined)]).toEqual([false, false, false]);
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(ALGORITHMS)("a server's proof by %s", (alg) => {
  const engine = new WebEngine();
  const identity = new IdentityKeys(nodeEngine, [PAIRS[alg].privateKey]);
  const [published] = identity.published;
  const pin = parseSigningKey(PAIRS[alg].publicKey.export({ format: 'jwk' }));
  let honest: string;
  beforeAll(() => {
    honest = identity.prove(TH)!;
  });

  /** By the key itself, and by its thumbprint with whatever list the server sends. */
  const pinnedKey = () => new PinnedIdentity([pin], () => Promise.reject(new Error('no list is asked for')));
  const pinnedThumbprint = (list: unknown) =>
    new PinnedIdentity([published!.kid], () => Promise.resolve({ keys: list }));

  async function verifies(pinned: PinnedIdentity, proof: unknown, th = TH): Promise<boolean> {
    try {
      await pinned.verify(engine, th, proof, new AbortController().signal);
      return true;
    } catch (error) {
      if (!(error instanceof E2eClientError) || error.code !== 'identity-rejected') throw error;
      return false;
    }
  }

  it('counts as it was signed, and in no other form', async () => {
    const pinned = pinnedKey();
    expect(await verifies(pinned, honest)).toBe(true);
    expect(await verifies(pinned, honest, nodeEngine.randomBytes(32))).toBe(false);
    await fc.assert(
      fc.asyncProperty(fc.oneof(compactChange(MEMBERS), edited), async (change) => {
        const text = change(honest);
        expect(await verifies(pinned, text)).toBe(text === honest);
      }),
      { numRuns: 500 },
    );
  });

  it('counts for a pinned thumbprint only by the key that has it, whatever list the server sends', async () => {
    const mine = generateKeyPairSync('ed25519');
    const forger = new IdentityKeys(nodeEngine, [mine.privateKey]);
    const forgery = forger.prove(TH)!;
    const input = signingInput(encode, { alg: 'Ed25519', typ: 'e2e-handshake+jws', kid: published!.kid }, TH);
    const forged = `${input}.${encode(sign(null, utf8(input), mine.privateKey))}`;
    const entry = fc.oneof(
      jsonChange(['kty', 'crv', 'x', 'y', 'kid']).map((change) => parsed(change(JSON.stringify(published)))),
      fc.constant({ ...forger.published[0], kid: published!.kid }),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.array(entry, { maxLength: 4 }), fc.jsonValue()), async (list) => {
        expect(await verifies(pinnedThumbprint(list), forged)).toBe(false);
        expect(await verifies(pinnedThumbprint(list), forgery)).toBe(false);
        const all = [...(Array.isArray(list) ? (list as unknown[]) : []), published];
        expect(await verifies(pinnedThumbprint(all), honest)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('is no value of any other type', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (value) => {
        expect(await verifies(pinnedKey(), value)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
