import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { CompactEncrypt, importJWK } from 'jose';
import type { Binding } from '../../../src/channel/channels.js';
import { parsePublicKey, type KeyKind } from '../../../src/protocol/keys.js';
import { E2eProblem } from '../../../src/protocol/problem.js';
import { keyPair, openCompact, plainWay } from '../../external/conformance/peer.js';
import { errorOf, postJson } from '../../integration/e2e/support/raw.js';
import { session } from './support/channels.js';
import { ANSWER, Loopback, SESSION } from './support/loopback.js';
import { flip, flips, refusalOf, truncations, type Mutation } from './support/tamper.js';

const BINDING: Binding = { place: 'body' as const, method: 'POST', target: '/transfer', idem: undefined };
const BODY = { amount: 100, to: 'bob' };

let tried = 0;
const report: string[] = [];

function note(what: string, mutations: number): void {
  tried += mutations;
  report.push(`${what}: ${mutations} mutations, all refused`);
}

/** A fresh message, the server that it is for, and the channel's name. */
type Fresh = () => Promise<{ harness: Loopback; message: string; kid: string }>;

function direct(keyKind: KeyKind): Fresh {
  return async () => {
    const harness = new Loopback({ keyKind });
    await harness.client.fetch('/transfer', postJson(BODY));
    const { message, opened } = harness.passed!;
    return { harness, message, kid: opened.header.kid };
  };
}

/** Any JOSE library's message to the server's public key. */
const plain: Fresh = async () => {
  const harness = new Loopback({});
  const { publicKey, kid } = await harness.channels.handshake(
    session(SESSION),
    parsePublicKey((await keyPair('RSA')).jwk),
  );
  const header = { typ: 'e2e-req+jwe', kid, seq: 1, iat: Math.floor(Date.now() / 1000), cty: 'application/json' };
  const message = await new CompactEncrypt(Buffer.from(JSON.stringify(BODY)))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header, method: 'POST', target: '/transfer' })
    .encrypt(await importJWK({ ...publicKey }, 'RSA-OAEP-256'));
  return { harness, message, kid };
};

describe('a request that was tampered with is refused, whatever byte it was', () => {
  it.each<[string, Fresh]>([
    ['dir on an RSA channel', direct('RSA')],
    ['dir on a P-256 channel', direct('P-256')],
    ['dir on an X25519 channel', direct('X25519')],
    ['the plain way, RSA-OAEP-256', plain],
  ])('%s: every length, and every bit', async (way, fresh) => {
    const { harness, message, kid } = await fresh();
    const outcomes = { 'message-rejected': 0, 'handshake-required': 0 };
    const wrong: string[] = [];
    for (const mutations of [truncations(message), flips(message)]) {
      for (const { what, text } of mutations) {
        const expected = refusalOf(text, kid);
        const outcome = await harness.channels.open(SESSION, text, BINDING).then(
          () => 'opened',
          (error: unknown) => (error instanceof E2eProblem ? error.code : String(error)),
        );
        if (outcome !== expected) wrong.push(`${what}: ${outcome}`);
        outcomes[expected]++;
      }
    }
    expect(wrong).toEqual([]);
    expect(outcomes['message-rejected'] + outcomes['handshake-required']).toBe(9 * message.length);
    // 43 characters of `kid` are 57 or 58 of the header, and only some of their flips stay in the alphabet.
    expect(outcomes['handshake-required']).toBeGreaterThan(57);
    expect(outcomes['handshake-required']).toBeLessThan(8 * 59);
    note(`request, ${way}, ${message.length} bytes`, 9 * message.length);

    // It was a good message all the time, and no window has moved.
    const opened = await harness.channels.open(SESSION, message, BINDING);
    expect(JSON.parse(Buffer.from(opened.plaintext).toString())).toEqual(BODY);
    await harness.channels.admit(SESSION, opened, Math.floor(Date.now() / 1000));
  });
});

describe('an answer that was tampered with is refused by the client, whatever byte it was', () => {
  it.each<[KeyKind, 'web' | 'forge']>([
    ['RSA', 'web'],
    ['P-256', 'web'],
    ['X25519', 'web'],
    ['RSA', 'forge'],
  ])('dir on an %s channel, %s engine: every length, and a bit of every byte', async (keyKind, engine) => {
    const harness = new Loopback({ keyKind, engine });
    const call = () => harness.client.fetch('/transfer', postJson(BODY));
    let answer = '';
    harness.tamper = (sealed) => (answer = sealed);
    // The first answer on an RSA channel is longer than those that follow: it says that the keys are kept.
    for (let calls = 0; calls < 2; calls++) expect(await (await call()).text()).toBe(ANSWER);

    let mutations = 0;
    const refused = async (mutate: (answer: string) => Mutation) => {
      let what = '';
      harness.tamper = (sealed) => {
        const mutation = mutate(sealed);
        what = mutation.what;
        return mutation.text;
      };
      const { code } = await errorOf(call());
      expect([what, code]).toEqual([what, 'answer-rejected']);
      mutations++;
    };
    for (let length = 0; length < answer.length; length++) {
      await refused((sealed) => ({ what: `cut to ${length}`, text: sealed.slice(0, length) }));
    }
    for (let index = 0; index < answer.length; index++) await refused((sealed) => flip(sealed, index, index % 8));
    expect(mutations).toBe(2 * answer.length);
    note(`answer, dir on ${keyKind}, ${engine} engine, ${answer.length} bytes`, mutations);

    harness.tamper = (sealed) => sealed;
    expect(await (await call()).text()).toBe(ANSWER);
  });

  it('the plain way, by a strict reader: every length, and every bit', async () => {
    const { harness } = await plain();
    const client = await keyPair('RSA');
    const { publicKey, kid } = await harness.channels.handshake(session(SESSION), parsePublicKey(client.jwk));
    const header = { typ: 'e2e-req+jwe', kid, seq: 1, iat: Math.floor(Date.now() / 1000) };
    const message = await new CompactEncrypt(new Uint8Array())
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header, method: 'POST', target: '/transfer' })
      .encrypt(await importJWK({ ...publicKey }, 'RSA-OAEP-256'));
    const opened = await harness.channels.open(SESSION, message, BINDING);
    const answer = opened.seal({ status: 200, cty: 'text/plain', iat: header.iat, plaintext: Buffer.from(ANSWER) });

    const read = (text: string) => openCompact(text, plainWay(client.privateKey)).plaintext.toString();
    expect(read(answer)).toBe(ANSWER);
    for (const { text } of [...truncations(answer), ...flips(answer)]) expect(() => read(text)).toThrow();
    note(`answer, the plain way, ${answer.length} bytes`, 9 * answer.length);
  });
});

it('says in docs/attacks.md how many mutations were tried', () => {
  console.log([...report, `${tried} mutations in all`].join('\n'));
  const page = readFileSync(new URL('../../../docs/attacks.md', import.meta.url), 'utf8');
  expect(/([\d,]+) tampered messages/.exec(page)?.[1]).toBe(tried.toLocaleString('en'));
});
