import { describe, expect, it } from '@jest/globals';
import { run } from '../../src/cli/main.js';
import { nodeEngine } from '../../src/crypto/node.js';
import { parseSigningKey, thumbprintInput } from '../../src/protocol/keys.js';

interface Printed {
  secret: string;
  identityKey: string;
  publicKey: unknown;
  thumbprint: string;
}

function command(...args: string[]): { code: number; out: string; err: string } {
  let [out, err] = ['', ''];
  const code = run(
    args,
    (text) => (out += text),
    (text) => (err += text),
  );
  return { code, out, err };
}

describe('keygen', () => {
  it.each(['Ed25519', 'ES256'] as const)('makes a secret and an %s identity key that belong together', (alg) => {
    const { code, out } = command('keygen', '--alg', alg, '--json');
    const keys = JSON.parse(out) as Printed;
    expect(code).toBe(0);
    expect(nodeEngine.decodeBase64url(keys.secret)).toHaveLength(32);
    const { signingKey, publicKey } = nodeEngine.importSigningKey(keys.identityKey);
    expect(signingKey.alg).toBe(alg);
    expect(parseSigningKey(keys.publicKey)).toEqual(publicKey);
    expect(keys.thumbprint).toBe(nodeEngine.encodeBase64url(nodeEngine.sha256(thumbprintInput(publicKey))));
  });

  it('makes other keys each time', () => {
    const [first, second] = [command('keygen', '--json'), command('keygen', '--json')];
    expect((JSON.parse(first.out) as Printed).secret).not.toBe((JSON.parse(second.out) as Printed).secret);
    expect((JSON.parse(first.out) as Printed).thumbprint).not.toBe((JSON.parse(second.out) as Printed).thumbprint);
  });

  it('prints lines for an environment file whose values work as they stand', () => {
    const { out } = command('keygen');
    const pem = /^E2E_IDENTITY_KEY="(.+)"$/m.exec(out)?.[1]?.replaceAll('\\n', '\n') ?? '';
    expect(nodeEngine.importSigningKey(pem).signingKey.alg).toBe('Ed25519');
    expect(/^E2E_SECRET=(\S+)$/m.exec(out)?.[1]).toHaveLength(43);
    expect(out).toContain('identityKeys');
  });

  it.each([[['nope']], [['keygen', '--alg', 'RS256']], [['keygen', '--what']], [['keygen', 'more']]])(
    'says what it takes, and ends with 2, for %j',
    (args) => {
      const { code, out, err } = command(...args);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toContain('keygen [--alg Ed25519|ES256] [--json]');
    },
  );

  it('prints its help', () => {
    expect(command()).toEqual(command('--help'));
    expect(command().code).toBe(0);
  });
});
