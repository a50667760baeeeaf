// What is fuzzed: for each target, valid inputs to begin with, and one execution. It answers whether the input was
// accepted, and throws where it was accepted wrongly, or refused by anything but the package's own errors.
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { provesDevice } from '../../dist/esm/channel/device.js';
import { shakeHands as answerHandshake } from '../../dist/esm/channel/handshake.js';
import { IdentityKeys } from '../../dist/esm/channel/identity.js';
import { E2eClientError } from '../../dist/esm/client/index.js';
import { shakeHands } from '../../dist/esm/client/handshake/handshake.js';
import { PinnedIdentity } from '../../dist/esm/client/trust/identity.js';
import { HybridEngine } from '../../dist/esm/crypto/hybrid.js';
import { NodeEngine, nodeEngine } from '../../dist/esm/crypto/node.js';
import { shapeFlaw } from '../../dist/esm/nest/exchange/body-shape.js';
import { splitHybridKey } from '../../dist/esm/protocol/hybrid-key.js';
import { parseJsonObject, utf8 } from '../../dist/esm/protocol/json.js';
import { signingInput } from '../../dist/esm/protocol/jws.js';
import { readPublicKey } from '../../dist/esm/crypto/spki.js';
import { parseSigningKey } from '../../dist/esm/protocol/keys.js';
import { parseRequestHeader, parseResponseHeader } from '../../dist/esm/protocol/message.js';
import { E2eProblem } from '../../dist/esm/protocol/problem.js';
import { ANSWER, loopback, SESSION } from '../support/loopback.mjs';
import { STREAM_TARGETS } from './stream-targets.mjs';
import { LOADERS } from '../../dist/esm/client/on-demand/loaders.js';
import { provide } from '../../dist/esm/client/parts.js';

provide(LOADERS);

const encode = (bytes) => nodeEngine.encodeBase64url(bytes);

const PAIRS = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  X25519: generateKeyPairSync('x25519'),
  Ed25519: generateKeyPairSync('ed25519'),
};
const HYBRID = 'MLKEM768-X25519';
const MLKEM_KEY = ml_kem768.keygen().publicKey;
/** @returns {any} */
function jwk(kind) {
  if (kind !== HYBRID) return PAIRS[kind].publicKey.export({ format: 'jwk' });
  return {
    kty: 'AKP',
    alg: HYBRID,
    pub: encode(Buffer.concat([MLKEM_KEY, Buffer.from(jwk('X25519').x, 'base64url')])),
  };
}
function encapsulate(key) {
  const { sharedSecret, cipherText } = ml_kem768.encapsulate(splitHybridKey(key).encapsulationKey);
  return { secret: sharedSecret, ciphertext: cipherText };
}
const pem = (kind) => PAIRS[kind].publicKey.export({ format: 'pem', type: 'spki' });

/** The value, or `undefined` where the package refused; an error of any other origin goes on. */
async function unlessRefused(call, ...codes) {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof E2eProblem) && !(error instanceof E2eClientError)) throw error;
    assert(codes.includes(error.code), `refused with ${error.code}`);
    return undefined;
  }
}

const string = (value) => typeof value === 'string';
const optional = (value) => value === undefined || string(value);
const whole = (value, min, max) => Number.isInteger(value) && value >= min && value <= max;

/** What no header may be, whatever it was made from. */
function assertHeader(header, text, typ) {
  assert.deepEqual(header, JSON.parse(text));
  assert.equal(header.typ, typ);
  assert.equal(header.enc, 'A256GCM');
  assert(['dir', 'RSA-OAEP-256'].includes(header.alg));
  assert(!('crit' in header) && !('zip' in header));
  assert(string(header.kid) && optional(header.cty));
  assert(whole(header.seq, 1, 2 ** 32) && whole(header.iat, 0, Number.MAX_SAFE_INTEGER));
  assert(!namesTwice(text));
}

/** A second reader of JSON that is known to be valid: a name twice in one object. */
function namesTwice(text) {
  const open = [];
  let last;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const name = JSON.parse(last);
      if (open.at(-1).has(name)) return true;
      open.at(-1).add(name);
    }
    last = token;
  }
  return false;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** OpenSSL reads a key that was accepted as the very same, and what it was read from held nothing private. */
function assertSound(key, text) {
  const members = Object.keys(parsed(text) ?? {});
  assert.deepEqual(
    members.filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].includes(name)),
    [],
  );
  if (key.kty === 'AKP') {
    const { encapsulationKey, x25519 } = splitHybridKey(key);
    assert.equal(ml_kem768.encapsulate(encapsulationKey).sharedSecret.length, 32);
    return assertSound(x25519, '');
  }
  const read = createPublicKey({ key, format: 'jwk' });
  assert.deepEqual(read.export({ format: 'jwk' }), key);
  if (key.kty !== 'RSA') return;
  assert.equal(read.asymmetricKeyDetails.publicExponent, 65537n);
  assert(read.asymmetricKeyDetails.modulusLength >= 2048 && read.asymmetricKeyDetails.modulusLength <= 4096);
}

function proofBy(kind, header, th) {
  const input = signingInput(encode, header, th);
  /** @type {import('node:crypto').SignKeyObjectInput} */
  const key = { key: PAIRS[kind].privateKey, dsaEncoding: 'ieee-p1363' };
  return `${input}.${encode(sign(kind === 'P-256' ? 'sha256' : null, utf8(input), key))}`;
}

export const TARGETS = {
  ...STREAM_TARGETS,

  /** A message as it comes to the server: opened only as its client sealed it (PROTOCOL §5, steps 1 to 4). */
  async message() {
    const harnesses = [loopback('X25519'), loopback('RSA')];
    for (const harness of harnesses) await harness.call();
    const seeds = harnesses.map(({ message }) => message);
    const binding = /** @type {const} */ ({ place: 'body', method: 'POST', target: '/transfer', idem: undefined });
    return {
      seeds,
      async run(text) {
        let isOpened = false;
        for (const { channels, message } of harnesses) {
          const open = () => channels.open(SESSION.id, text, binding);
          const opened = await unlessRefused(open, 'message-rejected', 'handshake-required', 'too-large');
          assert.equal(opened !== undefined, text === message);
          isOpened ||= opened !== undefined;
        }
        return isOpened;
      },
    };
  },

  /** Method, target and Idempotency-Key of a request, in three lines: a message is for the very ones that it names. */
  async binding() {
    const harness = loopback('X25519');
    await harness.call();
    return {
      seeds: ['POST\n/transfer', 'POST\n/transfer\nkey', 'GET\n/transfer?a=b', 'POST\n/transfer/'],
      async run(text) {
        const [method = '', target = '', idem] = text.split('\n');
        const open = () => harness.channels.open(SESSION.id, harness.message, { place: 'body', method, target, idem });
        const opened = await unlessRefused(open, 'message-rejected');
        assert.equal(opened !== undefined, method === 'POST' && target === '/transfer' && idem === undefined);
        return opened !== undefined;
      },
    };
  },

  async 'request-header'() {
    const header = {
      alg: 'dir',
      enc: 'A256GCM',
      typ: 'e2e-req+jwe',
      kid: 'k',
      seq: 1,
      iat: 1,
      method: 'GET',
      target: '/',
    };
    const full = { ...header, idem: 'i', cty: 'application/json; charset=utf-8', ek: 'AAAA', dev: 'a.b.c' };
    return {
      seeds: [JSON.stringify(header), JSON.stringify(full, undefined, 1)],
      run(text) {
        const read = parseRequestHeader(text);
        if (!read) return false;
        assertHeader(read, text, 'e2e-req+jwe');
        assert(string(read.method) && /^[A-Z]/.test(read.method) && /^(\/|\*$)/.test(read.target));
        assert(optional(read.idem) && optional(read.ek) && optional(read.dev));
        return true;
      },
    };
  },

  async 'response-header'() {
    const header = { alg: 'dir', enc: 'A256GCM', typ: 'e2e-res+jwe', kid: 'k', seq: 1, iat: 1, status: 200 };
    return {
      seeds: [JSON.stringify(header), JSON.stringify({ ...header, meta: 40, cty: 'text/html' })],
      run(text) {
        const read = parseResponseHeader(text);
        if (!read) return false;
        assertHeader(read, text, 'e2e-res+jwe');
        assert(whole(read.status, 200, 599) || read.frames === 'socket');
        return true;
      },
    };
  },

  /** A JWK, or SPKI in PEM: refused, or a key that OpenSSL reads as the same. */
  async 'public-key'() {
    const kinds = ['RSA', 'P-256', 'X25519'];
    return {
      seeds: [...kinds, HYBRID].map((kind) => JSON.stringify(jwk(kind))).concat(kinds.map(pem)),
      async run(text) {
        const key = await unlessRefused(() => readPublicKey(parsed(text) ?? text), 'key-rejected');
        if (key) assertSound(key, text);
        return key !== undefined;
      },
    };
  },

  async 'signing-key'() {
    return {
      seeds: ['P-256', 'Ed25519'].map((kind) => JSON.stringify(jwk(kind))),
      async run(text) {
        const key = await unlessRefused(() => parseSigningKey(parsed(text)), 'key-rejected');
        if (key) assertSound(key, text);
        return key !== undefined;
      },
    };
  },

  async 'device-proof'() {
    const th = nodeEngine.randomBytes(32);
    const devices = { Ed25519: 'Ed25519', ES256: 'P-256' };
    const all = Object.entries(devices).map(([alg, kind]) => {
      return { device: parseSigningKey(jwk(kind)), honest: proofBy(kind, { alg, typ: 'e2e-device+jws' }, th) };
    });
    return {
      seeds: all.map(({ honest }) => honest),
      run(text) {
        let isProven = false;
        for (const { device, honest } of all) {
          const proves = provesDevice(nodeEngine, device, th, text);
          assert.equal(proves, text === honest);
          isProven ||= proves;
        }
        return isProven;
      },
    };
  },

  async 'identity-proof'() {
    const th = nodeEngine.randomBytes(32);
    const { signal } = new AbortController();
    const all = ['Ed25519', 'P-256'].map((kind) => {
      const honest = new IdentityKeys(nodeEngine, [PAIRS[kind].privateKey]).prove(th);
      return {
        honest,
        pinned: new PinnedIdentity([parseSigningKey(jwk(kind))], () => Promise.reject(new Error('no list'))),
      };
    });
    return {
      seeds: all.map(({ honest }) => honest),
      async run(text) {
        let isProven = false;
        for (const { honest, pinned } of all) {
          const verify = async () => (await pinned.verify(nodeEngine, th, text, signal), true);
          const proves = (await unlessRefused(verify, 'identity-rejected')) ?? false;
          assert.equal(proves, text === honest);
          isProven ||= proves;
        }
        return isProven;
      },
    };
  },

  /** The server's answer to a handshake of either curve, whose identity is pinned: accepted only as the server made it. */
  async 'handshake-answer'() {
    const server = new IdentityKeys(nodeEngine, [PAIRS.Ed25519.privateKey]);
    const pinned = new PinnedIdentity([parseSigningKey(jwk('Ed25519'))], () => Promise.reject(new Error('no list')));
    const { signal } = new AbortController();
    /** @type {import('../../dist/esm/client/handshake/handshake.js').VerifyProof} */
    const verify = (engine, th, proof) => pinned.verify(engine, th, proof, signal);
    const issuedAt = Math.floor(Date.now() / 1000);
    const ends = [];
    for (const [keyKind, engine] of /** @type {const} */ ([
      ['X25519', new NodeEngine()],
      [HYBRID, new HybridEngine(() => import('../../dist/esm/crypto/noble-ml-kem.js'))],
    ])) {
      const clientPair = await engine.generateKeyPair(keyKind);
      const { publicKey: clientKey } = clientPair;
      const { answer } = answerHandshake(nodeEngine, server, {
        clientKey,
        keyPair: nodeEngine.generateKeyPair('X25519'),
        encapsulation: clientKey.kty === 'AKP' ? encapsulate(clientKey) : undefined,
        session: 'A'.repeat(22),
        issuedAt,
        expiresAt: issuedAt + 60,
      });
      // On the engine itself: private members would be missing in an object that inherits from it.
      Object.defineProperty(engine, 'generateKeyPair', { value: () => clientPair });
      ends.push({ answer, engine, settings: { keyKind, rsaModulusLength: 2048 } });
    }
    const members = ['kid', 'secret', 'issuedAt', 'expiresAt', 'session', 'device', 'proof'];
    return {
      seeds: ends.map(({ answer }) => JSON.stringify(answer)),
      async run(text) {
        const changed = parseJsonObject(text);
        if (!changed) return false;
        const post = () => Promise.resolve(changed);
        let isAccepted = false;
        for (const { answer, engine, settings } of ends) {
          const shake = () => shakeHands(engine, settings, verify, new Set(), undefined, post, false);
          const channel = await unlessRefused(shake, 'handshake-rejected', 'identity-rejected');
          if (!channel) continue;
          isAccepted = true;
          for (const member of members) assert.deepEqual(changed[member], answer[member]);
          const [received, sent] = /** @type {any[]} */ ([changed.publicKey, answer.publicKey]);
          assert.equal(received.x, sent.x);
        }
        return isAccepted;
      },
    };
  },

  /** The answer to a sealed request, as the client gets it. */
  async answer() {
    const harness = loopback('X25519');
    await harness.call();
    const seed = harness.answer;
    const parts = seed.split('.');
    return {
      seeds: [seed],
      async run(text) {
        // Every answer is sealed anew: the parts that did not change are this one's.
        let isSame = false;
        harness.tamper = (answer) => {
          const own = answer.split('.');
          const sent = text.split('.').map((part, index) => (part === parts[index] ? own[index] : part));
          isSame = Buffer.from(sent.join('.'), 'latin1').toString('latin1') === answer;
          return sent.join('.');
        };
        const response = await unlessRefused(() => harness.call(), 'answer-rejected');
        assert.equal(response !== undefined, isSame);
        if (response) assert.equal(await response.text(), ANSWER);
        return response !== undefined;
      },
    };
  },

  async 'json-object'() {
    return {
      seeds: ['{"a":1,"b":[{"a":2},{"a":3}],"c":{"a":{"a":null}}}', '{"\\u0061":"\\"\\\\","b":"{\\"a\\":1}"}', '{}'],
      run(text) {
        const value = parseJsonObject(text);
        const read = parsed(text);
        const isObject = typeof read === 'object' && read !== null && !Array.isArray(read);
        assert.equal(value !== undefined, isObject && !namesTwice(text));
        if (value) assert.deepEqual(value, read);
        return value !== undefined;
      },
    };
  },

  async 'body-shape'() {
    const MAX_DEPTH = 6;
    const isFlawed = (value, depth = 1) =>
      typeof value === 'object' &&
      value !== null &&
      (depth > MAX_DEPTH ||
        (!Array.isArray(value) && Object.keys(value).includes('__proto__')) ||
        (Object.keys(value).includes('constructor') && Object.keys(value.constructor ?? {}).includes('prototype')) ||
        Object.values(value).some((inner) => isFlawed(inner, depth + 1)));
    return {
      seeds: [
        '{"a":[1,{"b":[[[2]]]}],"constructor":{"a":1}}',
        '[[[[[[1]]]]]]',
        '{"x":{"constructor":"prototype"}}',
        '"a"',
      ],
      run(text) {
        const read = parsed(text);
        const isFine = read !== undefined && shapeFlaw(read, MAX_DEPTH) === undefined;
        assert.equal(isFine, read !== undefined && !isFlawed(read));
        return isFine;
      },
    };
  },
};
