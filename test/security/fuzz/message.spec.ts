import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import type { Binding } from '../../../src/channel/channels.js';
import { joinJwe, splitJwe } from '../../../src/protocol/jwe.js';
import { E2eProblem } from '../../../src/protocol/problem.js';
import { sealText } from '../../external/conformance/peer.js';
import { Loopback, SESSION } from '../attack/support/loopback.js';
import { postJson } from '../../integration/e2e/support/raw.js';
import { anyText, compactChange, edited, jsonChange } from './support/mutate.js';

const HEADER = ['alg', 'enc', 'typ', 'kid', 'seq', 'iat', 'method', 'target', 'idem', 'cty', 'ek', 'dev', 'in'];
const BINDING: Binding = { place: 'body' as const, method: 'POST', target: '/transfer', idem: undefined };
/** Refusals in the clear that a message may meet before it is let in (PROTOCOL §5, steps 1 to 4). */
const REFUSALS = ['message-rejected', 'handshake-required', 'too-large'];

describe('the splitter of a compact JWE', () => {
  it('gives five parts that join to the same text, or nothing', () => {
    const jwe = joinJwe({
      protected: 'eyJhbGciOiJkaXIifQ',
      encryptedKey: 'AAAA',
      iv: 'A'.repeat(16),
      ciphertext: 'AAAA',
      tag: 'A'.repeat(22),
    });
    fc.assert(
      fc.property(fc.oneof(compactChange(['alg']), edited), anyText, (change, random) => {
        for (const text of [change(jwe), random]) {
          const parts = splitJwe(text);
          if (parts && joinJwe(parts) !== text) throw new Error('other parts');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe.each(['X25519', 'RSA'] as const)("a server's %s channel", (keyKind) => {
  let harness: Loopback;
  let honest: string;

  beforeAll(async () => {
    harness = new Loopback({ keyKind });
    await harness.client.fetch('/transfer', postJson({ amount: 100 }));
    honest = harness.passed!.message;
  });

  /** What becomes of a text: `opened`, or the problem's name; anything else fails the test as what it is. */
  async function fate(text: string, binding = BINDING): Promise<string> {
    try {
      await harness.channels.open(SESSION, text, binding);
      return 'opened';
    } catch (error) {
      if (!(error instanceof E2eProblem)) throw error;
      return error.code;
    }
  }

  it('opens what its client sealed and nothing that was made of it', async () => {
    expect(await fate(honest)).toBe('opened');
    await fc.assert(
      fc.asyncProperty(compactChange(HEADER), async (change) => {
        const text = change(honest);
        const outcome = await fate(text);
        if (text === honest) expect(outcome).toBe('opened');
        else expect(REFUSALS).toContain(outcome);
      }),
      { numRuns: 1500 },
    );
  });

  it('opens no message that a stranger sealed, however right its header is', async () => {
    const header = Buffer.from(honest.split('.')[0]!, 'base64url').toString();
    await fc.assert(
      fc.asyncProperty(
        fc.option(jsonChange(HEADER)),
        fc.uint8Array({ maxLength: 64 }),
        fc.string(),
        async (change, key, encryptedKey) => {
          const contentKey = Buffer.concat([key, Buffer.alloc(32)]).subarray(0, 32);
          const text = sealText(contentKey, change ? change(header) : header, '{"amount":1}', {
            encryptedKey: change ? encryptedKey : '',
          });
          expect(REFUSALS).toContain(await fate(text));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('opens no text of any other origin', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        expect(REFUSALS).toContain(await fate(text));
      }),
      { numRuns: 500 },
    );
  });

  it('opens its message for the very method, target and Idempotency-Key that it is bound to, and no others', async () => {
    const change = fc.option(edited, { freq: 3 });
    const idem = fc.option(fc.constantFrom('', 'undefined', 'null', 'key'), { nil: undefined, freq: 2 });
    await fc.assert(
      fc.asyncProperty(change, change, idem, async (method, target, key) => {
        const binding: Binding = {
          place: 'body',
          method: method?.(BINDING.method) ?? BINDING.method,
          target: target?.(BINDING.target) ?? BINDING.target,
          idem: key,
        };
        const isSame = JSON.stringify(binding) === JSON.stringify(BINDING);
        expect(await fate(honest, binding)).toBe(isSame ? 'opened' : 'message-rejected');
      }),
      { numRuns: 500 },
    );
  });

  it('says no to hostile texts of the largest size without working on them', async () => {
    const [header, ...parts] = honest.split('.');
    const filled = (character: string, length: number) => character.repeat(length);
    const hostile = [
      filled('.', 1 << 20),
      filled('A', 1 << 20),
      [header, '', parts[1], filled('A', 1_398_100), parts[3]].join('.'),
      [filled('A', 5464), ...parts].join('.'),
      [Buffer.from(filled('[', 4096)).toString('base64url'), ...parts].join('.'),
      [Buffer.from(`{"a":"${filled('\\"', 2040)}"}`).toString('base64url'), ...parts].join('.'),
      [Buffer.from(`{"cty":"${filled('a', 4080)}"}`).toString('base64url'), ...parts].join('.'),
      [header, randomBytes(1 << 19).toString('base64url'), ...parts.slice(1)].join('.'),
    ];
    for (const text of hostile) {
      const before = process.cpuUsage();
      expect(REFUSALS).toContain(await fate(text));
      const { user } = process.cpuUsage(before);
      // Microseconds of the processor's time, so that other processes do not count. A thousand times less is usual.
      expect(user).toBeLessThan(250_000);
    }
  });
});
