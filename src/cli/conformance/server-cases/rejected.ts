import { METAS, TEXTS, WIRES } from '../changes.js';
import { sealJwe, type Json } from '../secrets.js';
import { BODY, honest, isPlainProblem, post, type ServerCase, type ServerContext } from '../server-case.js';

// What a server refuses before it trusts anything of a message: steps 1, 3 and 4 of PROTOCOL §5.

/** A POST that is refused in the clear before anything of it is trusted. */
function rejected(name: string, make: (context: ServerContext) => string | Uint8Array, section = 4): ServerCase {
  return {
    section,
    name,
    run: async (context) =>
      isPlainProblem(await post(context.channel, context.target, make(context) as string), 'message-rejected'),
  };
}

/** Changes to an honest request's header that break step 1, 3 or 4. */
const HEADERS: readonly [name: string, changes: Json][] = [
  ['no kid', { kid: undefined }],
  ['kid: null', { kid: null }],
  ['no seq', { seq: undefined }],
  ['seq 0', { seq: 0 }],
  ['seq 1.5', { seq: 1.5 }],
  ['seq as a string', { seq: '7' }],
  ['seq of 2³² + 1', { seq: 2 ** 32 + 1 }],
  ['no iat', { iat: undefined }],
  ['iat as a string', { iat: '1795392000' }],
  ['iat: null', { iat: null }],
  ['another method', { method: 'PUT' }],
  ['a method in small letters', { method: 'post' }],
  ['no method', { method: undefined }],
  ['another target', { target: '/another' }],
  ['a target with a query that the request has not', { target: '/e2e-conformance?a=1' }],
  ['no target', { target: undefined }],
  ['an idem that the request has not', { idem: 'k-1' }],
  ['idem: null', { idem: null }],
  ['alg none', { alg: 'none' }],
  ['alg in capitals', { alg: 'DIR' }],
  ['no alg', { alg: undefined }],
  ['enc A128GCM', { enc: 'A128GCM' }],
  ['no enc', { enc: undefined }],
  ["a response's typ", { typ: 'e2e-res+jwe' }],
  ['no typ', { typ: undefined }],
  ['zip', { zip: 'DEF' }],
  ['zip: null', { zip: null }],
  ['crit', { crit: ['exp'], exp: 1 }],
  ['a body without cty', { cty: undefined }],
  ['a cty without a subtype', { cty: 'json' }],
  ['a cty with another charset', { cty: 'application/json; charset=latin1' }],
  ['a cty of a message', { cty: 'application/jose' }],
  ['meta as a string', { meta: '2' }],
  ['meta of 1', { meta: 1 }],
  ['meta longer than the plaintext', { meta: 5000 }],
  ['frames beside application/jose', { frames: 'body' }],
  ["a socket's frames beside application/jose", { frames: 'socket' }],
  ['a length without frames', { length: 7 }],
  ['an again without a tag', { again: { kid: 'A'.repeat(43), seq: 1 } }],
  ['again: null', { again: null }],
  ['a header of more than 4,096 bytes', { more: 'x'.repeat(4096) }],
];

export const rejectedCases: readonly ServerCase[] = [
  ...HEADERS.map(([name, changes]) =>
    rejected(name, (context) => context.channel.seal(honest(context, changes), BODY)),
  ),
  ...TEXTS.map(([name, text]) =>
    rejected(`a header with ${name}`, (context) => context.channel.seal(text(JSON.stringify(honest(context))), BODY)),
  ),
  ...METAS.map(([name, meta]) =>
    rejected(`a meta object ${name}`, (context) =>
      context.channel.seal(honest(context, { meta: Buffer.byteLength(meta) }), meta + BODY),
    ),
  ),
  ...WIRES.filter(([name]) => name !== 'nothing in it').map(([name, change]) =>
    // The bit stands in the first bytes of a part: there, a header's kid is still the channel's.
    rejected(`a message with ${name}`, (context) => change(context.channel.seal(honest(context), BODY), 0)),
  ),
  rejected(
    'a message under the key of responses',
    (context) => sealJwe(context.channel.keys.response, honest(context), BODY),
    5,
  ),
  rejected('a message under a key of zeros', (context) => sealJwe(new Uint8Array(32), honest(context), BODY), 5),
];
