import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { KeyKind } from '../../../src/protocol/keys.js';
import { onEachPlatform } from '../../integration/e2e/support/apps.js';
import { Harness, messageOf, post, refusalOf } from './support/harness.js';
import type { PassingResponse, Passing } from './support/proxy.js';
import { flip, refusalOf as refusalOfTampered, truncations } from './support/tamper.js';

/** How many flips, and how many truncations, of each message go over real HTTP; all of them are in tampering.spec.ts. */
const SAMPLE = 60;

/** Everything that the other end sees of an answer, but for the time. */
function face({ status, headers, body }: PassingResponse): string {
  return JSON.stringify({ status, headers: { ...headers, date: undefined }, body });
}

/** So many numbers below the end, evenly spread. */
function spread(end: number): number[] {
  return Array.from({ length: SAMPLE }, (_, index) => Math.floor((index * end) / SAMPLE));
}

onEachPlatform('Over real HTTP', (platform) => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.start(platform);
  });
  afterAll(() => harness.app.close());
  beforeEach(() => harness.begin());
  afterEach(() => harness.end());

  const requests: [string, KeyKind, string, RequestInit | undefined][] = [
    ['in the body, on an X25519 channel', 'X25519', '/bank/transfer', post({ amount: 1 })],
    ['in the body, on an RSA channel', 'RSA', '/bank/transfer', post({ amount: 1 })],
    ['in E2e-Request, on a P-256 channel', 'P-256', '/bank/balance?of=alice', undefined],
  ];

  it.each(requests)('a tampered request %s has one face, and no handler runs', async (_, keyKind, input, init) => {
    let withheld: Passing | undefined;
    harness.on('/bank', (request) => {
      withheld = request;
      return { status: 502, headers: {}, body: '' };
    });
    await refusalOf(harness.client({ keyKind }).fetch(input, init));
    const message = messageOf(withheld!);
    const { kid } = JSON.parse(Buffer.from(message.split('.')[0]!, 'base64url').toString()) as { kid: string };
    const inHeader = withheld!.body === '';
    const send = (text: string) =>
      harness.proxy.forward(
        inHeader
          ? { ...withheld!, headers: { ...withheld!.headers, 'e2e-request': text } }
          : { ...withheld!, body: text },
      );

    const cuts = [...truncations(message)];
    const mutations = [
      ...spread(cuts.length).map((length) => cuts[length]!),
      // In a header only what HTTP lets through: the lowest bit leaves every character of a message printable.
      ...spread(message.length).map((index) => flip(message, index, inHeader ? 0 : index % 8)),
    ];
    const faces = { 'message-rejected': new Set<string>(), 'handshake-required': new Set<string>() };
    for (const { text } of mutations) faces[refusalOfTampered(text, kid)].add(face(await send(text)));

    expect([...faces['message-rejected']]).toEqual([expect.stringContaining('urn:e2e:problem:message-rejected')]);
    expect(faces['handshake-required'].size).toBeLessThanOrEqual(1);
    for (const seen of faces['handshake-required']) expect(seen).toContain('urn:e2e:problem:handshake-required');
    expect(harness.ran).toEqual([]);

    // It was a good message all the time.
    expect((await send(message)).headers['content-type']).toBe('application/jose');
    expect(harness.ran).toHaveLength(1);
  });

  it('a tampered answer is answer-rejected', async () => {
    const client = harness.client();
    await client.handshake();
    let tamper = (body: string): string => body;
    harness.on('/bank', async (request, forward) => {
      const answer = await forward(request);
      return { ...answer, body: tamper(answer.body) };
    });
    for (let sample = 0; sample < SAMPLE; sample++) {
      const at = (body: string) => Math.floor((sample * body.length) / SAMPLE);
      for (const change of [
        (body: string) => body.slice(0, at(body)),
        (body: string) => flip(body, at(body), sample % 8).text,
      ]) {
        tamper = change;
        expect(await refusalOf(client.fetch('/bank/balance'))).toMatchObject({ code: 'answer-rejected' });
      }
    }
    tamper = (body) => body;
    expect((await client.fetch('/bank/balance')).status).toBe(200);
  });
});
