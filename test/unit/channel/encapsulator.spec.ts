import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Encapsulator, type EncapsulatorOptions } from '../../../src/channel/encapsulator.js';
import { encapsulateNatively } from '../../../src/crypto/node-ml-kem.js';
import { nobleMlKem } from '../../../src/crypto/noble-ml-kem.js';
import { joinHybridKey } from '../../../src/protocol/hybrid-key.js';

const noblePath = createRequire(import.meta.url).resolve('@noble/post-quantum/ml-kem.js');
const { encapsulationKey, decapsulator } = nobleMlKem.generateKeyPair();
const x = Buffer.alloc(32, 9).toString('base64url');
const key = joinHybridKey({ encapsulationKey, x25519: { kty: 'OKP', crv: 'X25519', x } });

const started: Encapsulator[] = [];
function encapsulator(options: EncapsulatorOptions): Encapsulator {
  const made = new Encapsulator(options);
  started.push(made);
  return made;
}
afterEach(() => {
  for (const each of started.splice(0)) each.stop();
});

/** Of so many at once: how many were told `busy`, how many secrets came that are the client's too, and how many differ. */
async function flood(of: Encapsulator, count: number): Promise<{ busy: number; right: number; different: number }> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, () => of.encapsulate(key)));
  const made = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const secrets = made.map(({ secret }) => Buffer.from(secret).toString('hex'));
  const right = made.filter(({ ciphertext }, index) => {
    return Buffer.from(decapsulator.decapsulate(ciphertext)).toString('hex') === secrets[index];
  });
  const busy = outcomes.filter(({ status, ...each }) => {
    return status === 'rejected' && (each as { reason: { code: string } }).reason.code === 'busy';
  });
  return { busy: busy.length, right: right.length, different: new Set(secrets).size };
}

// Node 24.7 and later needs no thread, and bounds nothing.
const needsThread = encapsulateNatively(encapsulationKey) === undefined;

describe('encapsulations on a thread', () => {
  if (!needsThread) {
    it('are not needed: this Node has its own', async () => {
      expect(await flood(encapsulator({ noblePath }), 40)).toEqual({ busy: 0, right: 40, different: 40 });
    });
    return;
  }

  it('are the clients’ secrets; 32 wait, and the next is `busy` at once', async () => {
    const made = encapsulator({ noblePath });
    expect(await flood(made, 40)).toEqual({ busy: 8, right: 32, different: 32 });
    expect(await flood(made, 3)).toEqual({ busy: 0, right: 3, different: 3 });
  });

  it('hold the process only while somebody waits', async () => {
    const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const made = encapsulator({ noblePath });
    const waiting = flood(made, 2);
    const meanwhile = ports();
    expect(meanwhile).toBeGreaterThan(0);
    await waiting;
    expect(ports()).toBeLessThan(meanwhile);
  });

  it('are `busy` once it was stopped, those that wait too', async () => {
    const made = encapsulator({ noblePath });
    const waiting = flood(made, 3);
    made.stop();
    expect(await waiting).toEqual({ busy: 3, right: 0, different: 0 });
    expect(await flood(made, 2)).toEqual({ busy: 2, right: 0, different: 0 });
  });

  it('go on without the thread where it cannot load the package', async () => {
    const made = encapsulator({ noblePath: '/nowhere/ml-kem.js' });
    expect(await flood(made, 3)).toEqual({ busy: 3, right: 0, different: 0 });
    expect(await flood(made, 3)).toEqual({ busy: 0, right: 3, different: 3 });
  });
});

describe('encapsulations without a thread', () => {
  it('are the clients’ secrets', async () => {
    expect(await flood(encapsulator({}), 3)).toEqual({ busy: 0, right: 3, different: 3 });
  });
});
