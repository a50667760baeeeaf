import { nodeEngine as engine } from '../../../crypto/node.js';
import type { KeyKind } from '../../../protocol/jwk.js';
import { fails, gives, GET, KINDS, type ClientCase } from '../client-case.js';
import { plainProblem } from '../answers.js';
import type { Behaviour } from '../behaviour.js';
import { b64u, makeIdentity, proofOf, random, sealSecret, type Json } from '../secrets.js';
import { CANARY } from '../server.js';

const answer: Behaviour['answer'] = (exchange) => exchange.sealed(CANARY);
const x25519 = () => engine.generateKeyPair('X25519').publicKey;

/** A handshake that the client must give up. */
function refused(name: string, server: Behaviour, more: Partial<ClientCase> = {}): ClientCase {
  const expect = fails('handshake-rejected');
  return { section: 2, name, server: { answer, ...server }, expect, isFresh: true, allowsViolations: true, ...more };
}

function accepted(name: string, server: Behaviour, more: Partial<ClientCase> = {}): ClientCase {
  return { section: 2, name, server: { answer, ...server }, expect: gives({ body: CANARY }), isFresh: true, ...more };
}

/** Members of the response that break a rule, as name and value; a function is called for each handshake. */
const MEMBERS: readonly [name: string, terms: Json | (() => Json)][] = [
  ['the kid of another key', () => ({ kid: b64u(random(32)) })],
  ['no kid', { kid: undefined }],
  ['kid: null', { kid: null }],
  ['a kid of 42 characters', { kid: 'A'.repeat(42) }],
  ['issuedAt as a string', () => ({ issuedAt: String(Math.floor(Date.now() / 1000)) })],
  ['issuedAt: null', { issuedAt: null }],
  ['no issuedAt', { issuedAt: undefined }],
  ['issuedAt with a fraction', { issuedAt: 1_795_392_000.5, expiresAt: 1_795_395_600 }],
  ['issuedAt below 0', { issuedAt: -1 }],
  ['no expiresAt', { expiresAt: undefined }],
  ['expiresAt: true', { expiresAt: true }],
  ['expiresAt with a fraction', { expiresAt: 4_000_000_000.5 }],
  ['expiresAt of 1e300', { expiresAt: 1e300 }],
  ['expiresAt as late as issuedAt', { issuedAt: 1_795_392_000, expiresAt: 1_795_392_000 }],
  ['expiresAt before issuedAt', { issuedAt: 1_795_392_001, expiresAt: 1_795_392_000 }],
  ['no session', { session: undefined }],
  ['session: null', { session: null }],
  ['a session of 15 bytes', { session: b64u(random(15)) }],
  ['a session of 17 bytes', { session: b64u(random(17)) }],
  ['a session that is not canonical', { session: `${'A'.repeat(21)}B` }],
  ['a session with padding', { session: `${'A'.repeat(22)}==` }],
  ['device: null', { device: null }],
  ['a device of 42 characters', { device: 'A'.repeat(42) }],
  ['a device that is not canonical', { device: `${'A'.repeat(42)}B` }],
  ['no publicKey', { publicKey: undefined }],
  ['publicKey: null', { publicKey: null }],
  ['a publicKey as a string', { publicKey: 'AAAA' }],
  ['a publicKey with a private member', () => ({ publicKey: { ...x25519(), d: b64u(random(32)) } })],
  ['a publicKey with an empty private member', () => ({ publicKey: { ...x25519(), k: '' } })],
  ['a publicKey with members of another kind', () => ({ publicKey: { ...x25519(), n: 'AQAB', e: 'AQAB' } })],
  ['an X25519 key of 31 bytes', () => ({ publicKey: { ...x25519(), x: b64u(random(31)) } })],
  ['an X25519 key whose top bit is set', () => withKey({ kty: 'OKP', crv: 'X25519', x: b64u(topBit()) })],
  ['an X25519 key of zeros', () => withKey({ kty: 'OKP', crv: 'X25519', x: b64u(new Uint8Array(32)) })],
  ['an X25519 key that is not canonical', () => withKey({ kty: 'OKP', crv: 'X25519', x: `${'A'.repeat(42)}B` })],
  ['a secret on a channel without one', () => ({ secret: b64u(random(32)) })],
  ['secret: null', { secret: null }],
].map((row) => row as [string, Json | (() => Json)]);

/** A server's key, with its kid: nothing but the key is wrong. */
function withKey(publicKey: Json): Json {
  const members = Object.fromEntries(Object.entries(publicKey).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { publicKey, kid: b64u(engine.sha256(Buffer.from(JSON.stringify(members)))) };
}

function topBit(): Uint8Array {
  const bytes = Buffer.from(random(32));
  bytes[31] = bytes[31]! | 0x80;
  return bytes;
}

const members = MEMBERS.map(([name, terms]) =>
  refused(name, { terms: () => (typeof terms === 'function' ? terms() : terms) }),
);

const otherKinds = KINDS.slice(0, 3).flatMap((kind) =>
  KINDS.slice(0, 3)
    .filter((other) => other !== kind)
    .map((other: KeyKind) =>
      refused(
        `a server key of kind ${other} for a client's of kind ${kind}`,
        { terms: () => withKey({ ...engine.generateKeyPair(other).publicKey }) },
        { kinds: [kind] },
      ),
    ),
);

const curve: readonly ClientCase[] = [
  ['off the curve', { x: b64u(Buffer.alloc(32, 1)), y: b64u(Buffer.alloc(32, 1)) }],
  ['at the origin', { x: b64u(Buffer.alloc(32)), y: b64u(Buffer.alloc(32)) }],
  ['with a coordinate of 31 bytes', { x: b64u(random(31)), y: b64u(random(32)) }],
].map(([name, point]) =>
  refused(
    `a P-256 key ${name as string}`,
    { terms: () => withKey({ kty: 'EC', crv: 'P-256', ...(point as Json) }) },
    { kinds: ['P-256'] },
  ),
);

const rsa = (name: string, server: Behaviour): ClientCase => refused(name, server, { kinds: ['RSA'] });
const honestModulus = () => (engine.generateKeyPair('RSA').publicKey as { readonly n: string }).n;

const rsaCases: readonly ClientCase[] = [
  rsa('an RSA key with e = 3', { terms: () => withKey({ kty: 'RSA', n: honestModulus(), e: 'Aw' }) }),
  rsa('an RSA key of 1,024 bits', {
    terms: () => withKey({ kty: 'RSA', n: b64u(Buffer.alloc(128, 0xfb)), e: 'AQAB' }),
  }),
  rsa('an RSA key with a small factor', {
    terms: () => withKey({ kty: 'RSA', n: b64u(Buffer.alloc(256, 0xff)), e: 'AQAB' }),
  }),
  rsa('an even RSA modulus', {
    terms: () => {
      const n = Buffer.from(honestModulus(), 'base64url');
      n[255] = n[255]! & 0xfe;
      return withKey({ kty: 'RSA', n: b64u(n), e: 'AQAB' });
    },
  }),
  rsa('no secret', { terms: () => ({ secret: undefined }) }),
  rsa('secret: null on an RSA channel', { terms: () => ({ secret: null }) }),
  rsa('an empty secret', { terms: () => ({ secret: '' }) }),
  rsa('a secret of 31 bytes', { terms: ({ clientKey }) => ({ secret: sealSecret(clientKey, random(31)) }) }),
  rsa('a secret of 33 bytes', { terms: ({ clientKey }) => ({ secret: sealSecret(clientKey, random(33)) }) }),
  rsa('a secret with another member in its header', {
    terms: ({ clientKey, ss }) => ({ secret: sealSecret(clientKey, ss!, { typ: 'e2e-res+jwe' }) }),
  }),
  rsa('a secret with another alg', {
    terms: ({ clientKey, ss }) => ({ secret: sealSecret(clientKey, ss!, { alg: 'RSA-OAEP' }) }),
  }),
  rsa('a secret to another key', {
    terms: () => ({ secret: sealSecret(engine.generateKeyPair('RSA').publicKey, random(32)) }),
  }),
  rsa('a secret with a changed tag', {
    terms: ({ clientKey, ss }) => ({ secret: sealSecret(clientKey, ss!).replace(/.{22}$/, 'A'.repeat(22)) }),
  }),
  rsa('a secret of four parts', {
    terms: ({ clientKey, ss }) => ({ secret: sealSecret(clientKey, ss!).replace(/\.[^.]*$/, '') }),
  }),
];

const replace = (from: RegExp, to: string) => (json: string) => json.replace(from, to);
const texts: readonly ClientCase[] = [
  ['kid twice', replace(/^\{/, `{"kid":"${'A'.repeat(43)}",`)],
  ['session twice, once escaped', replace(/\}$/, `,"\\u0073ession":"${'A'.repeat(22)}"}`)],
  ['a member of the key twice', replace(/"kty"/, '"kty":"RSA","kty"')],
  ['an array', (json: string) => `[${json}]`],
  ['no JSON', () => '{'],
  ['a byte order mark before the JSON', (json: string) => `\ufeff${json}`],
  ['something after the JSON', (json: string) => `${json}{}`],
].map(([name, text]) => refused(name as string, { text: text as Behaviour['text'] & {} }));

const failed = (name: string, handshake: Behaviour['handshake'] & {}): ClientCase =>
  refused(name, { handshake }, { expect: fails('handshake-failed') });
const json = { 'content-type': 'application/json' };
const failures: readonly ClientCase[] = [
  failed('a 200 in place of the 201', { status: 200, headers: json, body: '{}' }),
  failed('a 204', { status: 204 }),
  failed('a page of HTML', { status: 201, headers: { 'content-type': 'text/html' }, body: '<p>Hello</p>' }),
  failed('a redirect', { status: 307, headers: { location: '/e2e/handshake?again' } }),
  failed('key-rejected', plainProblem(422, 'key-rejected')),
  failed('busy', plainProblem(503, 'busy')),
];

const identity = makeIdentity('Ed25519');
const es256 = makeIdentity('ES256');
const stranger = makeIdentity('Ed25519');
const unproven = (name: string, proof: Behaviour['proof'], more: Partial<ClientCase> = {}): ClientCase =>
  refused(
    name,
    { identity, ...(proof && { proof }) },
    { pins: [identity.jwk], expect: fails('identity-rejected', 'handshake-rejected'), ...more },
  );
const late = (name: string, changed: Json): ClientCase =>
  refused(name, { identity, late: changed }, { pins: [identity.jwk], expect: fails('identity-rejected') });

const proofs: readonly ClientCase[] = [
  refused('no proof for a client with a pin', {}, { pins: [identity.jwk], expect: fails('identity-rejected') }),
  unproven('proof: null', () => null),
  unproven('a proof by a key that is not pinned', (th) => proofOf(stranger, th)),
  unproven("a proof by another key under the pinned key's kid", (th, { jwk }) => proofOf({ ...stranger, jwk }, th)),
  unproven('a proof of another handshake', () => proofOf(identity, random(32))),
  unproven('a proof whose payload is the hash itself', (th) => proofOf(identity, th, {}, b64u(th))),
  unproven('a proof with another alg', (th) => proofOf(identity, th, { alg: 'ES256' })),
  unproven('a proof with alg none', (th) => proofOf(identity, th, { alg: 'none' })),
  unproven('a proof with another typ', (th) => proofOf(identity, th, { typ: 'e2e-device+jws' })),
  unproven('a proof without typ', (th) => proofOf(identity, th, { typ: undefined })),
  unproven('a proof with crit', (th) => proofOf(identity, th, { crit: ['exp'], exp: 1 })),
  unproven('a proof with a changed signature', (th) => proofOf(identity, th).replace(/.{86}$/, 'A'.repeat(86))),
  unproven('a proof without a signature', (th) => proofOf(identity, th).replace(/[^.]*$/, '')),
  unproven('a proof of two parts', (th) => proofOf(identity, th).replace(/\.[^.]*$/, '')),
  unproven('a proof of four parts', (th) => `${proofOf(identity, th)}.AA`),
  unproven('a proof with padding', (th) => `${proofOf(identity, th)}==`),
  late('an issuedAt that was changed after the proof', { issuedAt: 1_795_392_000 }),
  late('a session that was changed after the proof', { session: b64u(random(16)) }),
  late('a device that was added after the proof', { device: b64u(random(32)) }),
  refused('a proof whose kid is no thumbprint, for a client without a pin', {
    identity,
    proof: (th) => proofOf(identity, th, { kid: 'short' }),
  }),
  accepted('a proof by a pinned Ed25519 key', { identity }, { section: 2, pins: [stranger.jwk, identity.jwk] }),
  accepted('a proof by a pinned P-256 key', { identity: es256 }, { pins: [es256.jwk] }),
  accepted('a proof, for a client without a pin', { identity }),
];

const honest: readonly ClientCase[] = [
  accepted('a handshake, a request, its answer', {}, { kinds: KINDS }),
  accepted('a device, which a client without a device key only hashes', {
    terms: () => ({ device: b64u(random(32)) }),
  }),
  accepted('other members in the answer and in the key', {
    terms: () => ({ more: { a: [null] } }),
    text: replace(/"kty"/, '"alg":"any","key_ops":[],"ext":true,"kty"'),
  }),
  accepted('JSON in another spelling', {
    text: (text) => text.replace('"kid"', ' "\\u006bid"').replace(/("issuedAt":\d+)/, '$1.0'),
  }),
  accepted('a clock that is a day ahead', { clockOffset: 86_400 }),
  accepted('a clock that is a day behind', { clockOffset: -86_400 }),
];

const seen: ClientCase = refused(
  'a kid that the client has seen before',
  {
    reusesKey: true,
    answer: ({ count }) => (count === 1 ? plainProblem(428, 'handshake-required') : undefined),
  },
  { requests: [GET] },
);

export const handshakeCases: readonly ClientCase[] = [
  ...honest,
  ...members,
  ...otherKinds,
  ...curve,
  ...rsaCases,
  ...texts,
  ...failures,
  ...proofs,
  seen,
];
