import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { transform } from '@swc/core';
import { build } from 'esbuild';
import { generateKeyPairSync, hkdfSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HybridEngine } from '../../../src/crypto/hybrid.js';
import { nobleMlKem } from '../../../src/crypto/noble-ml-kem.js';

import type { PrivateJwk, PublicJwk } from '../../../src/protocol/keys.js';
import { publicHalf } from '../../unit/crypto/engines.js';
import { install, makeFolder, run } from './application.js';

const b64u = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const ENTRY = fileURLToPath(new URL('fixture/hermes/engine.ts', import.meta.url));
/** The last Hermes on npm that runs by itself, without React Native. */
const HERMES = 'hermes-engine-cli@0.12.0';

let folder: string;
beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  await install(folder, HERMES, '--ignore-scripts');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As React Native's build does for Hermes: classes, private fields and async functions are compiled to what it has. */
async function compile(input: object): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    write: false,
    define: { INPUT: JSON.stringify(input) },
  });
  const { code } = await transform(outputFiles[0]!.text, {
    swcrc: false,
    isModule: false,
    // Hermes has BigInt, whose powers are no Math.pow.
    env: { targets: { ie: '11' }, exclude: ['transform-exponentiation-operator'] },
    jsc: { parser: { syntax: 'ecmascript' } },
  });
  const file = join(folder, 'engine.js');
  writeFileSync(file, code);
  return file;
}

interface Made {
  readonly missing: string;
  readonly verified: readonly [boolean, boolean][];
  readonly keys: readonly {
    readonly kind: string;
    readonly secret: string;
    readonly opened?: string;
    readonly made: PublicJwk;
    readonly madeSecret: string;
    readonly sealed: readonly [string, string, string];
    readonly reopened: string;
    readonly refused: boolean;
  }[];
}

describe('the engine in JavaScript, in Hermes', () => {
  it('agrees with WebCrypto on every kind of key, seals, opens and verifies; without random numbers it makes no key', async () => {
    const web = new HybridEngine(() => Promise.resolve({ nobleMlKem }));
    const pairs = {
      'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      X25519: generateKeyPairSync('x25519'),
    };
    const peers = await Promise.all((['P-256', 'X25519', 'X25519'] as const).map((kind) => web.generateKeyPair(kind)));
    const jwk = (key: KeyObject): Record<string, string> => key.export({ format: 'jwk' }) as Record<string, string>;
    const hybrid = ml_kem768.keygen();
    const { x, d } = jwk(pairs.X25519.privateKey);
    const join2 = (one: Uint8Array, other: string): string =>
      b64u(Buffer.concat([one, Buffer.from(other, 'base64url')]));
    const own = [
      jwk(pairs['P-256'].privateKey),
      jwk(pairs.X25519.privateKey),
      { kty: 'AKP', alg: 'MLKEM768-X25519', pub: join2(hybrid.publicKey, x!), priv: join2(hybrid.secretKey, d!) },
    ] as unknown as PrivateJwk[];
    const { secret, ciphertext } = nobleMlKem.encapsulate(hybrid.publicKey);
    const signers = [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-256' })];
    const data = randomBytes(50);
    const file = await compile({
      random: b64u(randomBytes(2000)),
      keys: own.map((key, index) => ({
        own: key,
        peer: peers[index]!.publicKey,
        ...(index === 2 && { ciphertext: b64u(ciphertext) }),
      })),
      signed: signers.map(({ publicKey, privateKey }, index) => ({
        key: jwk(publicKey),
        data: b64u(data),
        signature: b64u(sign(index === 0 ? null : 'sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
      })),
    });
    const program = join(folder, 'node_modules/hermes-engine-cli/linux64-bin/hermes');
    const made = JSON.parse(await run(folder, program, file)) as Made;

    expect(made.missing).toContain('getRandomValues');
    expect(made.verified).toEqual([
      [true, false],
      [true, false],
    ]);
    expect(made.keys.map(({ kind }) => kind)).toEqual(['P-256', 'X25519', 'MLKEM768-X25519']);
    for (const [index, each] of made.keys.entries()) {
      const { privateKey } = peers[index]!;
      const agreed = async (key: PublicJwk) => b64u((await web.agree(privateKey, await web.importPublicKey(key)))!);
      expect(each.secret).toBe(await agreed(publicHalf(own[index]!)));
      expect(each.madeSecret).toBe(await agreed(each.made));
      const [salt, info] = [Buffer.from('AAAA', 'base64url'), Buffer.from('AQID', 'base64url')];
      const key = new Uint8Array(hkdfSync('sha256', Buffer.from(each.secret, 'base64url'), salt, info, 32));
      const [iv, sealed, tag] = each.sealed.map((text) => new Uint8Array(Buffer.from(text, 'base64url')));
      const aad = Buffer.from('header');
      const opened = await web.open(await web.importContentKey(key), iv!, aad, sealed!, tag!);
      expect(Buffer.from(opened!).toString()).toBe('plain');
      expect([each.reopened, each.refused]).toEqual([b64u(Buffer.from('plain')), true]);
    }
    expect(made.keys[2]!.opened).toBe(b64u(secret));
  });
});
