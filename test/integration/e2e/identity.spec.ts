import { expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { KeyService } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { errorOf } from './support/raw.js';

const first = generateKeyPairSync('ed25519').privateKey;
const second = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

onEachPlatform('The server’s identity', (platform) => {
  const app = useApp(platform, { e2e: { identityKey: [first, second] } });
  const published = async (): Promise<{ kid: string; alg: string }[]> =>
    ((await (await fetch(`${app().url}/e2e/identity`)).json()) as { keys: { kid: string; alg: string }[] }).keys;

  it('is published as a JWK set, without private members', async () => {
    const keys = await published();
    expect(keys.map(({ alg }) => alg)).toEqual(['Ed25519', 'ES256']);
    expect(keys.every((key) => !('d' in key))).toBe(true);
    expect(app().get(KeyService).identityKeys()).toEqual(keys);
  });

  it('is accepted by a client that pins the key which signs, by thumbprint or JWK', async () => {
    const [signing, other] = await published();
    expect(
      (
        await app()
          .client({ identityKeys: [signing!.kid] })
          .handshake()
      ).kind,
    ).toBe('X25519');
    const jwk = first.export({ format: 'jwk' }) as { kty: 'OKP'; crv: 'Ed25519'; x: string };
    const pins = [{ kty: jwk.kty, crv: jwk.crv, x: jwk.x }];
    expect((await app().client({ identityKeys: pins }).fetch('/e2e/identity')).status).toBe(200);
    const error = await errorOf(
      app()
        .client({ identityKeys: [other!.kid] })
        .handshake(),
    );
    expect(error.code).toBe('identity-rejected');
  });

  it('is refused where the transcript is not the one that was signed', async () => {
    const [signing] = await published();
    const client = app().client({
      identityKeys: [signing!.kid],
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (!response.url.endsWith('/handshake')) return response;
        const answer = (await response.json()) as { expiresAt: number };
        const headers = new Headers(response.headers);
        headers.delete('content-length');
        return new Response(JSON.stringify({ ...answer, expiresAt: answer.expiresAt + 1 }), { status: 201, headers });
      },
    });
    expect((await errorOf(client.handshake())).code).toBe('identity-rejected');
  });
});
