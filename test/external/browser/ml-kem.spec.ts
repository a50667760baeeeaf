import { describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { nobleMlKem } from '../../../src/crypto/noble-ml-kem.js';
import { type webMlKem as ours } from '../../../src/crypto/web-ml-kem.js';
import { describeVectors } from '../../support/vectors.js';
import { useChromium } from './support/chromium.js';
import { useSample } from './support/sample.js';

interface Suite {
  readonly testGroups: readonly { readonly tests: readonly { readonly result: string; readonly ek: string }[] }[];
}

const chromium = useChromium();
const sample = useSample();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** The sources' own use of WebCrypto, in a page. */
async function openPage() {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { webMlKem, hasWebMlKem } from './dist/esm/crypto/web-ml-kem.js';`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'mlKem',
  });
  const page = await (await chromium.profile()).newPage();
  await page.goto(`${sample().base}/favicon.svg`);
  await page.evaluate(`${outputFiles[0]!.text}; globalThis.mlKem = mlKem;
    globalThis.toHex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    globalThis.fromHex = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));`);
  return page;
}

declare const mlKem: { readonly webMlKem: typeof ours; readonly hasWebMlKem: () => Promise<boolean> };
declare const toHex: (bytes: Uint8Array) => string;
declare const fromHex: (text: string) => Uint8Array;

describe('ML-KEM-768 of Chromium', () => {
  it('opens what @noble/post-quantum encapsulates, and the other way round', async () => {
    const page = await openPage();
    expect(await page.evaluate(() => mlKem.hasWebMlKem())).toBe(true);

    const theirKey = await page.evaluate(async () => {
      const pair = await mlKem.webMlKem.generateKeyPair();
      Object.assign(globalThis, { decapsulator: pair.decapsulator });
      return toHex(pair.encapsulationKey);
    });
    const { secret, ciphertext } = nobleMlKem.encapsulate(bytes(theirKey));
    const opened = await page.evaluate(async (text) => {
      const { decapsulator } = globalThis as unknown as {
        decapsulator: { decapsulate(c: Uint8Array): Promise<Uint8Array> };
      };
      return toHex(await decapsulator.decapsulate(fromHex(text)));
    }, hex(ciphertext));
    expect(opened).toBe(hex(secret));

    const { encapsulationKey, decapsulator } = nobleMlKem.generateKeyPair();
    const made = await page.evaluate(async (key) => {
      const encapsulation = await mlKem.webMlKem.encapsulate(fromHex(key));
      return { secret: toHex(encapsulation.secret), ciphertext: toHex(encapsulation.ciphertext) };
    }, hex(encapsulationKey));
    expect(hex(decapsulator.decapsulate(bytes(made.ciphertext)))).toBe(made.secret);
  });

  describeVectors<Suite>('Wycheproof', 'wycheproof/mlkem_768_encaps_test.json', ({ testGroups }) => {
    const cases = testGroups.flatMap(({ tests }) => tests);

    it('takes all 133 valid keys, and none of the 132 invalid ones', async () => {
      const page = await openPage();
      const taken = await page.evaluate(
        async (keys) => {
          const outcomes: boolean[] = [];
          for (const key of keys) {
            const outcome = mlKem.webMlKem.encapsulate(fromHex(key)).then(
              () => true,
              () => false,
            );
            outcomes.push(await outcome);
          }
          return outcomes;
        },
        cases.map(({ ek }) => ek),
      );
      expect(taken).toEqual(cases.map(({ result }) => result === 'valid'));
      expect(taken.filter(Boolean)).toHaveLength(133);
    });
  });
});
