import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shakeHands as answerHandshake, type HandshakeResponse } from '../../../src/channel/handshake.js';
import { IdentityKeys } from '../../../src/channel/identity.js';
import { E2eClientError, createE2eClient } from '../../../src/client/index.js';
import { shakeHands, type VerifyProof } from '../../../src/client/handshake/handshake.js';
import { LOADERS } from '../../../src/client/on-demand/loaders.js';
import { provide } from '../../../src/client/parts.js';
import { PinnedIdentity } from '../../../src/client/trust/identity.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { parseJsonObject } from '../../../src/protocol/json.js';
import { parsePublicKey, type KeyKind } from '../../../src/protocol/keys.js';
import { makeIdentity } from '../attack/support/harness.js';
import { Loopback } from '../attack/support/loopback.js';
import { postJson } from '../../integration/e2e/support/raw.js';
import { anyText, compactChange, edited, jsonChange, type Change } from './support/mutate.js';

const RESPONSE = ['alg', 'enc', 'typ', 'kid', 'seq', 'iat', 'status', 'cty', 'meta', 'frames', 'length', 'early'];
const ANSWER = ['publicKey', 'kid', 'secret', 'issuedAt', 'expiresAt', 'session', 'device', 'proof'] as const;

provide(LOADERS);

/** The value, or `undefined` where the client refused it with an error of its own; any other error fails the test. */
async function unlessRefused<T>(call: Promise<T>, ...codes: string[]): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof E2eClientError)) throw error;
    expect(codes).toContain(error.code);
    return undefined;
  }
}

describe('the answer to a sealed request', () => {
  it('reaches the caller as it was sealed, or not at all', async () => {
    const harness = new Loopback({ keyKind: 'X25519' });
    await fc.assert(
      fc.asyncProperty(compactChange(RESPONSE), async (change) => {
        let isChanged = false;
        harness.tamper = (answer) => {
          // One character for each byte: what is beyond is cut off on the wire.
          const changed = Buffer.from(change(answer), 'latin1').toString('latin1');
          isChanged = changed !== answer;
          return changed;
        };
        const response = await unlessRefused(harness.client.fetch('/transfer', postJson([1])), 'answer-rejected');
        expect(response === undefined).toBe(isChanged);
        if (response) expect(await response.text()).toBe('the answer');
      }),
      { numRuns: 500 },
    );
  });

  it('is none of the answers to other requests on the same channel', async () => {
    const harness = new Loopback({ keyKind: 'X25519' });
    const earlier: string[] = [];
    await fc.assert(
      fc.asyncProperty(fc.option(fc.nat(), { freq: 2 }), async (which) => {
        const other = which === null ? undefined : earlier[which % earlier.length];
        harness.tamper = (answer) => {
          earlier.push(answer);
          return other ?? answer;
        };
        const response = await unlessRefused(harness.client.fetch('/transfer', postJson([1])), 'answer-rejected');
        expect(response === undefined).toBe(other !== undefined);
      }),
      { numRuns: 200 },
    );
  });

  it('is nothing that anyone else sent, of whatever status and media type', async () => {
    const harness = new Loopback({ keyKind: 'X25519' });
    let forged = (): Response => new Response();
    const client = createE2eClient({
      baseUrl: 'http://server.test',
      cookies: false,
      keyKind: 'X25519',
      fetch: async (input, init) => {
        const { pathname } = new URL(input as string);
        if (pathname !== '/e2e/handshake') return forged();
        const { publicKey } = JSON.parse(init?.body as string);
        const session = { id: 'a session', expiresAt: Date.now() };
        const answer = await harness.channels.handshake(session, parsePublicKey(publicKey));
        return Response.json(answer, { status: 201 });
      },
    });
    const type = fc.constantFrom(
      'application/jose',
      'application/json',
      'application/problem+json',
      'text/html',
      '',
      ';',
    );
    const problem = fc
      .constantFrom('handshake-required', 'message-stale', 'busy', 'other')
      .map((name) => JSON.stringify({ type: `urn:e2e:problem:${name}` }));
    const status = fc.constantFrom(200, 201, 204, 301, 304, 400, 428, 500, 503);
    await fc.assert(
      fc.asyncProperty(status, type, fc.oneof(anyText, problem), async (code, contentType, body) => {
        forged = () => {
          const headers = new Headers({ location: 'http://elsewhere.test/' });
          if (contentType) headers.set('content-type', contentType);
          return new Response([204, 304].includes(code) ? null : body, { status: code, headers });
        };
        const call = client.fetch('/transfer', postJson({ amount: 1 }));
        expect(await unlessRefused(call, 'answer-rejected', 'plain-answer')).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe.each<[KeyKind, number]>([
  ['X25519', 200],
  ['P-256', 100],
  ['RSA', 100],
])("a handshake's answer on an %s channel", (keyKind, numRuns) => {
  const identity = makeIdentity();
  const server = new IdentityKeys(nodeEngine, [identity.pem]);
  const keyPair = nodeEngine.generateKeyPair(keyKind);
  // A client makes a new pair for each handshake; for these, which are many, it is one and the same.
  const clientPair = nodeEngine.generateKeyPair(keyKind);
  const engine = Object.assign(Object.create(nodeEngine) as typeof nodeEngine, { generateKeyPair: () => clientPair });

  /** Either a change to the answer's JSON, or to one of its texts, part by part. */
  const secretChange = compactChange(['alg', 'enc', 'zip', 'crit']).map((change): Change => {
    return (json) => {
      const answer = JSON.parse(json) as HandshakeResponse;
      return JSON.stringify({ ...answer, secret: answer.secret && change(answer.secret) });
    };
  });
  const proofChange = compactChange(['alg', 'typ', 'kid']).map((change): Change => {
    return (json) => {
      const answer = JSON.parse(json) as HandshakeResponse;
      return JSON.stringify({ ...answer, proof: answer.proof && change(answer.proof) });
    };
  });

  it('is accepted by a client with a pin only with every member as the server made it', async () => {
    const pinned = new PinnedIdentity([identity.jwk], () => Promise.reject(new Error('no list is asked for')));
    const verify: VerifyProof = (engine, th, proof) => pinned.verify(engine, th, proof, new AbortController().signal);
    await fc.assert(
      fc.asyncProperty(fc.oneof(jsonChange(ANSWER), edited, secretChange, proofChange), async (change) => {
        let isSame = false;
        const channel = await unlessRefused(
          shakeHands(
            engine,
            { keyKind, rsaModulusLength: 2048 },
            verify,
            new Set(),
            undefined,
            (body) => {
              const issuedAt = Math.floor(Date.now() / 1000);
              const { publicKey } = JSON.parse(body);
              const terms = { clientKey: parsePublicKey(publicKey), keyPair, session: 'A'.repeat(22) };
              const { answer } = answerHandshake(nodeEngine, server, { ...terms, issuedAt, expiresAt: issuedAt + 60 });
              const changed = parseJsonObject(change(JSON.stringify(answer)));
              if (!changed) return Promise.reject(new E2eClientError('handshake-rejected', 'not JSON'));
              isSame = sameTerms(changed, answer);
              return Promise.resolve(changed);
            },
            false,
          ),
          'handshake-rejected',
          'identity-rejected',
        );
        expect(channel !== undefined).toBe(isSame);
      }),
      { numRuns },
    );
  });
});

/** Whether both say the same in all members that the protocol knows; a key's further members are ignored by it. */
function sameTerms(changed: object, honest: HandshakeResponse): boolean {
  const terms = (answer: object) => {
    const picked = ANSWER.map((name) => (answer as Record<string, unknown>)[name]);
    let key: unknown;
    try {
      key = parsePublicKey(picked[0]);
    } catch {
      key = 'none';
    }
    return JSON.stringify([key, typeof picked[0], ...picked.slice(1).map((value) => [typeof value, value])]);
  };
  return terms(changed) === terms(honest);
}
