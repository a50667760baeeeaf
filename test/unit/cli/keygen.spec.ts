import { describe, expect, it } from '@jest/globals';
import { run } from '../../../src/cli/main.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { parseSigningKey, thumbprintInput } from '../../../src/protocol/keys.js';

interface Printed {
  secret: string;
  identityKey: string;
  publicKey: unknown;
  thumbprint: string;
}

async function command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await run(args, {
    out: (text) => (out += String(text)),
    err: (text) => (err += text),
    input: async function* () {
      // nothing
    },
    isTerminal: { out: false, err: false },
    colours: false,
    columns: 120,
  });
  return { code, out, err };
}

describe('keygen', () => {
  it.each(['Ed25519', 'ES256'] as const)('makes a secret and an %s identity key that belong together', async (alg) => {
    const { code, out } = await command('keygen', '--alg', alg, '--json');
    const keys = JSON.parse(out) as Printed;
    expect(code).toBe(0);
    expect(nodeEngine.decodeBase64url(keys.secret)).toHaveLength(32);
    const { signingKey, publicKey } = nodeEngine.importSigningKey(keys.identityKey);
    expect(signingKey.alg).toBe(alg);
    expect(parseSigningKey(keys.publicKey)).toEqual(publicKey);
    expect(keys.thumbprint).toBe(nodeEngine.encodeBase64url(nodeEngine.sha256(thumbprintInput(publicKey))));
  });

  it('makes other keys each time', async () => {
    const [first, second] = [await command('keygen', '--json'), await command('keygen', '--json')];
    expect((JSON.parse(first.out) as Printed).secret).not.toBe((JSON.parse(second.out) as Printed).secret);
    expect((JSON.parse(first.out) as Printed).thumbprint).not.toBe((JSON.parse(second.out) as Printed).thumbprint);
  });

  it('prints lines for an environment file whose values work as they stand', async () => {
    const { out } = await command('keygen');
    const pem = /^E2E_IDENTITY_KEY="(.+)"$/m.exec(out)?.[1]?.replaceAll('\\n', '\n') ?? '';
    expect(nodeEngine.importSigningKey(pem).signingKey.alg).toBe('Ed25519');
    expect(/^E2E_SECRET=(\S+)$/m.exec(out)?.[1]).toHaveLength(43);
    expect(out).toContain('identityKeys');
  });

  it.each([[['nope']], [['keygen', '--alg', 'RS256']], [['keygen', '--what']], [['keygen', 'more']]])(
    'says what it takes, and ends with 1, for %j',
    async (args) => {
      const { code, out, err } = await command(...args);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(
        /^nestjs-e2e-encryption: .+\n\nnestjs-e2e-encryption (<command>|keygen \[--alg Ed25519\|ES256\])/,
      );
    },
  );

  it('prints its help', async () => {
    expect(await command()).toEqual(await command('--help'));
    expect((await command()).code).toBe(0);
    expect(await command('keygen', '--help')).toEqual(await command('help', 'keygen'));
  });
});
