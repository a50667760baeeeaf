import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { expect } from '@jest/globals';
import { b64u, HYBRID, keyPair, thumbprint, unb64u, type Jwk } from '../../../external/conformance/peer.js';
import type { E2eClient, KeyKind } from '../../../../src/client/index.js';
import { parsePublicKey } from '../../../../src/protocol/keys.js';
import { makeChannels, session } from '../support/channels.js';
import { post, refusalOf, type Harness } from '../support/harness.js';
import type { Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const HANDSHAKE = '/e2e/handshake';
const REFUSAL = JSON.stringify({ type: 'urn:e2e:problem:key-rejected', title: 'x', status: 422 });

const keyOf = ({ body }: { body: string }): Jwk => (JSON.parse(body) as { publicKey: Jwk }).publicKey;
const transfer = (client: E2eClient): Promise<unknown> => client.fetch('/bank/transfer', post({ to: 'bob' }));
const clients = (harness: Harness, ...keyKind: KeyKind[]): [E2eClient, E2eClient] => [
  harness.client({ keyKind }),
  harness.pinned({ keyKind }),
];

/** Of a hybrid key both halves. */
function halves({ pub = '' }: Jwk): { mlKem: Buffer; x25519: Buffer } {
  const bytes = unb64u(pub);
  return { mlKem: bytes.subarray(0, 1184), x25519: bytes.subarray(1184) };
}

/** Changes the client's key on its way to the server. */
function swapKey(harness: Harness, swap: (own: Jwk) => Jwk | Promise<Jwk>): void {
  harness.on(HANDSHAKE, async (request, forward) =>
    forward({ ...request, body: JSON.stringify({ publicKey: await swap(keyOf(request)) }) }),
  );
}

/** Changes the answer to the handshake. */
function changeAnswer(harness: Harness, change: (request: Passing) => object): void {
  harness.on(HANDSHAKE, async (request, forward) => {
    const answer = await forward(request);
    return { ...answer, body: JSON.stringify({ ...(JSON.parse(answer.body) as object), ...change(request) }) };
  });
}

/** Forges a refusal of the kind. */
function refuseHybrid(harness: Harness): void {
  harness.on(HANDSHAKE, (request, forward) =>
    keyOf(request).kty === 'AKP'
      ? { status: 422, headers: { 'content-type': 'application/problem+json' }, body: REFUSAL }
      : forward(request),
  );
}

function expectNothingRan(harness: Harness): void {
  expect(harness.ran).toEqual([]);
}

export const hybridRows: readonly Row[] = [
  {
    attack: 'swaps both keys of a hybrid handshake, and the client has a pin',
    outcome: '`identity-rejected`; nothing is stored, no request is sent',
    run: async (harness) => {
      const impostor = makeChannels().channels;
      harness.on(HANDSHAKE, async (request, forward) => {
        const answer = await impostor.handshake(session('victim'), parsePublicKey(keyOf(request)));
        return { ...(await forward(request)), body: JSON.stringify(answer) };
      });
      const refusal = await refusalOf(transfer(harness.pinned({ keyKind: HYBRID })));
      expect(refusal).toMatchObject({ code: 'identity-rejected' });
      // Without a pin it has the channel, as with every kind: nothing but a pin tells the two servers apart.
      expect((await harness.client({ keyKind: HYBRID }).handshake()).kind).toBe(HYBRID);
      expectNothingRan(harness);
    },
  },
  {
    attack: "swaps the client's hybrid key, or either half of it, on its way to the server",
    outcome: '`identity-rejected` with a pin; without, the channel opens nothing (`message-rejected`)',
    run: async (harness) => {
      const own = halves((await keyPair(HYBRID)).jwk);
      const swaps: ((theirs: ReturnType<typeof halves>) => Buffer[])[] = [
        () => [own.mlKem, own.x25519],
        ({ x25519 }) => [own.mlKem, x25519],
        ({ mlKem }) => [mlKem, own.x25519],
      ];
      for (const swap of swaps) {
        swapKey(harness, (key) => ({ ...key, pub: b64u(Buffer.concat(swap(halves(key)))) }));
        const [plain, pinned] = clients(harness, HYBRID);
        expect(await refusalOf(transfer(plain))).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
        expect(await refusalOf(transfer(pinned))).toMatchObject({ code: 'identity-rejected' });
      }
      expectNothingRan(harness);
    },
  },
  {
    attack: 'swaps `secret` of a hybrid handshake for one that it encapsulated itself',
    outcome: '`identity-rejected` with a pin; without, the channel opens nothing (`message-rejected`)',
    run: async (harness) => {
      changeAnswer(harness, (request) => ({
        secret: b64u(ml_kem768.encapsulate(halves(keyOf(request)).mlKem).cipherText),
      }));
      const [plain, pinned] = clients(harness, HYBRID);
      expect(await refusalOf(transfer(plain))).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
      expect(await refusalOf(transfer(pinned))).toMatchObject({ code: 'identity-rejected' });
      expectNothingRan(harness);
    },
  },
  {
    attack: 'strips ML-KEM from a hybrid handshake: sends the server the X25519 half alone, or drops `secret`',
    outcome: '`handshake-rejected`, with or without a pin, and with X25519 listed too; no request is sent',
    run: async (harness) => {
      const stripped = async () => {
        for (const client of [...clients(harness, HYBRID), ...clients(harness, HYBRID, 'X25519')]) {
          expect(await refusalOf(transfer(client))).toMatchObject({ code: 'handshake-rejected' });
        }
      };
      swapKey(harness, (key) => (key.kty === 'AKP' ? { kty: 'OKP', crv: 'X25519', x: b64u(halves(key).x25519) } : key));
      await stripped();
      changeAnswer(harness, () => ({ secret: undefined }));
      await stripped();
      expect(harness.proxy.seen.filter(({ request }) => request.target !== HANDSHAKE)).toEqual([]);
    },
  },
  {
    attack: 'answers a hybrid handshake with a key of another kind, and its `kid`',
    outcome: '`handshake-rejected`, with or without a pin; no request is sent',
    once: true,
    run: async (harness) => {
      for (const kind of [HYBRID, 'P-256', 'RSA'] as const) {
        const { jwk } = await keyPair(kind);
        changeAnswer(harness, () => ({ publicKey: jwk, kid: thumbprint(jwk) }));
        for (const client of clients(harness, HYBRID)) {
          expect(await refusalOf(transfer(client))).toMatchObject({ code: 'handshake-rejected' });
        }
      }
      expectNothingRan(harness);
    },
  },
  {
    attack: 'forges `key-rejected` to a client that lists the hybrid kind alone',
    outcome: '`handshake-failed`, with or without a pin; no key of another kind is ever sent, no request is sent',
    run: async (harness) => {
      refuseHybrid(harness);
      for (const client of clients(harness, HYBRID)) {
        expect(await refusalOf(transfer(client))).toMatchObject({ code: 'handshake-failed', problem: 'key-rejected' });
      }
      expect(harness.proxy.seen.map(({ request }) => [request.target, keyOf(request).kty])).toEqual([
        [HANDSHAKE, 'AKP'],
        [HANDSHAKE, 'AKP'],
      ]);
    },
  },
  {
    attack: 'forges `key-rejected` to a client that lists another kind beside the hybrid one',
    outcome:
      '**succeeds**, with a pin too: the channel is of the second kind, as documented, and `handshake()` says so; the next one begins with the hybrid kind again',
    run: async (harness) => {
      for (const client of clients(harness, HYBRID, 'X25519')) {
        refuseHybrid(harness);
        expect((await client.handshake()).kind).toBe('X25519');
        harness.proxy.rule = undefined;
        expect((await client.handshake({ renew: true })).kind).toBe(HYBRID);
        expect((await client.fetch('/bank/transfer', post({ to: 'bob' }))).status).toBe(201);
      }
    },
  },
];
