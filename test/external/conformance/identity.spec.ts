import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { json, Visitor } from './channel.js';
import { type Jwk, KINDS, thumbprint, verifyProof } from './peer.js';
import { type Sample, startSample, target } from './server.js';
import { expectProblem } from './testbed.js';
import { send } from './wire.js';

const pem = (key: KeyObject): string => String(key.export({ format: 'pem', type: 'pkcs8' }));

async function running(env: Record<string, string>, use: (sample: Sample) => Promise<void>, port?: number) {
  const sample = await startSample(env, port);
  try {
    await use(sample);
  } finally {
    await sample.stop();
  }
}

if (target) {
  it('needs a sample of its own, to choose its environment: E2E_TARGET names one that runs already', () => {
    expect(target).toMatch(/^http/);
  });
} else {
  describe('E2E_IDENTITY_KEY', () => {
    it.each([
      ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
      ['Ed25519', generateKeyPairSync('ed25519')],
    ])('signs by %s, and GET /e2e/identity lists it', async (alg, { publicKey, privateKey }) => {
      await running({ E2E_IDENTITY_KEY: pem(privateKey) }, async ({ base }) => {
        const pinned = publicKey.export({ format: 'jwk' }) as Jwk;
        for (const kind of KINDS) {
          const { answer, th } = await new Visitor(base).handshake(kind);
          expect(verifyProof(answer.proof ?? '', th, pinned)).toEqual({
            alg,
            typ: 'e2e-handshake+jws',
            kid: thumbprint(pinned),
          });
        }
        const { keys } = JSON.parse((await send(base, { target: '/e2e/identity' })).body) as { keys: Jwk[] };
        expect(keys.map(thumbprint)).toContain(thumbprint(pinned));
      });
    });

    it('is made fresh at each start where it is absent', async () => {
      const seen: string[] = [];
      const look = async ({ base }: Sample): Promise<void> => {
        const { keys } = JSON.parse((await send(base, { target: '/e2e/identity' })).body) as { keys: Jwk[] };
        seen.push(...keys.map(thumbprint));
      };
      await running({}, look);
      await running({}, look);
      expect(new Set(seen).size).toBe(2);
    });
  });

  describe('a restart', () => {
    it('is handshake-required, with the secrets unchanged too: the window is lost', async () => {
      const env = { E2E_SECRET: 's'.repeat(48), SESSION_SECRET: 't'.repeat(48) };
      const first = await startSample(env);
      const channel = await new Visitor(first.base).handshake('P-256').finally(() => first.stop());
      await running(
        env,
        async () => {
          expectProblem(await channel.post(channel.message('POST', '/echo', json(1))), 'handshake-required');
        },
        first.port,
      );
    });
  });
}
