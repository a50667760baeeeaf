import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { expect } from '@jest/globals';
import { b64u, HYBRID, keyPair, thumbprint, unb64u, type Jwk } from '../../../external/conformance/peer.js';
import type { E2eClient, KeyKind } from '../../../../src/client/index.js';
import { parsePublicKey } from '../../../../src/protocol/keys.js';
import { makeChannels, session } from '../support/channels.js';
import { post, refusalOf, type Lab } from '../support/harness.js';
import type { Passing } from '../support/proxy.js';
import type { Row } from './row.js';

const HANDSHAKE = '/e2e/handshake';
const REFUSAL = JSON.stringify({ type: 'urn:e2e:problem:key-rejected', title: 'x', status: 422 });

const keyOf = ({ body }: { body: string }): Jwk => (JSON.parse(body) as { publicKey: Jwk }).publicKey;
const transfer = (client: E2eClient): Promise<unknown> => client.fetch('/bank/transfer', post({ to: 'bob' }));
const clients = (lab: Lab, ...keyKind: KeyKind[]): [E2eClient, E2eClient] => [
  lab.client({ keyKind }),
  lab.pinned({ keyKind }),
];

/** Of a hybrid key both halves. */
function halves({ pub = '' }: Jwk): { mlKem: Buffer; x25519: Buffer } {
  const bytes = unb64u(pub);
  return { mlKem: bytes.subarray(0, 1184), x25519: bytes.subarray(1184) };
}

/** Changes the client's key on its way to the server. */
function swapKey(lab: Lab, swap: (own: Jwk) => Jwk | Promise<Jwk>): void {
  lab.on(HANDSHAKE, async (request, forward) =>
    forward({ ...request, body: JSON.stringify({ publicKey: await swap(keyOf(request)) }) }),
  );
}

/** Changes the answer to the handshake. */
function changeAnswer(lab: Lab, change: (request: Passing) => object): void {
  lab.on(HANDSHAKE, async (request, forward) => {
    const answer = await forward(request);
    return { ...answer, body: JSON.stringify({ ...(JSON.parse(answer.body) as object), ...change(request) }) };
  });
}

/** Forges a refusal of the kind. */
function refuseHybrid(lab: Lab): void {
  lab.on(HANDSHAKE, (request, forward) =>
    keyOf(request).kty === 'AKP'
      ? { status: 422, headers: { 'content-type': 'application/problem+json' }, body: REFUSAL }
      : forward(request),
  );
}

function expectNothingRan(lab: Lab): void {
  expect(lab.ran).toEqual([]);
}

export const hybridRows: readonly Row[] = [
  {
    attack: 'swaps both keys of a hybrid handshake, and the client has a pin',
    outcome: '`identity-rejected`; nothing is kept, no request leaves',
    run: async (lab) => {
      const impostor = makeChannels().channels;
      lab.on(HANDSHAKE, async (request, forward) => {
        const answer = await impostor.handshake(session('victim'), parsePublicKey(keyOf(request)));
        return { ...(await forward(request)), body: JSON.stringify(answer) };
      });
      const refusal = await refusalOf(transfer(lab.pinned({ keyKind: HYBRID })));
      expect(refusal).toMatchObject({ code: 'identity-rejected' });
      // Without a pin it has the channel, as with every kind: nothing but a pin tells the two servers apart.
      expect((await lab.client({ keyKind: HYBRID }).handshake()).kind).toBe(HYBRID);
      expectNothingRan(lab);
    },
  },
  {
    attack: "swaps the client's hybrid key, or either half of it, on its way to the server",
    outcome: '`identity-rejected` with a pin; without, the channel opens nothing (`message-rejected`)',
    run: async (lab) => {
      const own = halves((await keyPair(HYBRID)).jwk);
      const swaps: ((theirs: ReturnType<typeof halves>) => Buffer[])[] = [
        () => [own.mlKem, own.x25519],
        ({ x25519 }) => [own.mlKem, x25519],
        ({ mlKem }) => [mlKem, own.x25519],
      ];
      for (const swap of swaps) {
        swapKey(lab, (key) => ({ ...key, pub: b64u(Buffer.concat(swap(halves(key)))) }));
        const [plain, pinned] = clients(lab, HYBRID);
        expect(await refusalOf(transfer(plain))).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
        expect(await refusalOf(transfer(pinned))).toMatchObject({ code: 'identity-rejected' });
      }
      expectNothingRan(lab);
    },
  },
  {
    attack: 'swaps `secret` of a hybrid handshake for one that it encapsulated itself',
    outcome: '`identity-rejected` with a pin; without, the channel opens nothing (`message-rejected`)',
    run: async (lab) => {
      changeAnswer(lab, (request) => ({
        secret: b64u(ml_kem768.encapsulate(halves(keyOf(request)).mlKem).cipherText),
      }));
      const [plain, pinned] = clients(lab, HYBRID);
      expect(await refusalOf(transfer(plain))).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
      expect(await refusalOf(transfer(pinned))).toMatchObject({ code: 'identity-rejected' });
      expectNothingRan(lab);
    },
  },
  {
    attack: 'strips ML-KEM from a hybrid handshake: sends the server the X25519 half alone, or drops `secret`',
    outcome: '`handshake-rejected`, with or without a pin, and with X25519 listed too; no request leaves',
    run: async (lab) => {
      const stripped = async () => {
        for (const client of [...clients(lab, HYBRID), ...clients(lab, HYBRID, 'X25519')]) {
          expect(await refusalOf(transfer(client))).toMatchObject({ code: 'handshake-rejected' });
        }
      };
      swapKey(lab, (key) => (key.kty === 'AKP' ? { kty: 'OKP', crv: 'X25519', x: b64u(halves(key).x25519) } : key));
      await stripped();
      changeAnswer(lab, () => ({ secret: undefined }));
      await stripped();
      expect(lab.proxy.seen.filter(({ request }) => request.target !== HANDSHAKE)).toEqual([]);
    },
  },
  {
    attack: 'answers a hybrid handshake with a key of another kind, and its `kid`',
    outcome: '`handshake-rejected`, with or without a pin; no request leaves',
    once: true,
    run: async (lab) => {
      for (const kind of [HYBRID, 'P-256', 'RSA'] as const) {
        const { jwk } = await keyPair(kind);
        changeAnswer(lab, () => ({ publicKey: jwk, kid: thumbprint(jwk) }));
        for (const client of clients(lab, HYBRID)) {
          expect(await refusalOf(transfer(client))).toMatchObject({ code: 'handshake-rejected' });
        }
      }
      expectNothingRan(lab);
    },
  },
  {
    attack: 'forges `key-rejected` to a client that lists the hybrid kind alone',
    outcome: '`handshake-failed`, with or without a pin; no key of another kind is ever sent, no request leaves',
    run: async (lab) => {
      refuseHybrid(lab);
      for (const client of clients(lab, HYBRID)) {
        expect(await refusalOf(transfer(client))).toMatchObject({ code: 'handshake-failed', problem: 'key-rejected' });
      }
      expect(lab.proxy.seen.map(({ request }) => [request.target, keyOf(request).kty])).toEqual([
        [HANDSHAKE, 'AKP'],
        [HANDSHAKE, 'AKP'],
      ]);
    },
  },
  {
    attack: 'forges `key-rejected` to a client that lists another kind beside the hybrid one',
    outcome:
      '**succeeds**, with a pin too: the channel is of the second kind, as documented, and `handshake()` says so; the next one begins with the hybrid kind again',
    run: async (lab) => {
      for (const client of clients(lab, HYBRID, 'X25519')) {
        refuseHybrid(lab);
        expect((await client.handshake()).kind).toBe('X25519');
        lab.proxy.rule = undefined;
        expect((await client.handshake({ renew: true })).kind).toBe(HYBRID);
        expect((await client.fetch('/bank/transfer', post({ to: 'bob' }))).status).toBe(201);
      }
    },
  },
];
