// What the verifier asked for: sending again, sessions and device keys, the meta object, frames.
import { row } from '../row.mjs';

const ROWS = 'test/security/attack/proxy.spec.ts';
const ANSWERS = 'test/unit/channel/answers.spec.ts';
const META = 'test/unit/protocol/meta.spec.ts';
const HEADERS = 'test/integration/e2e/sealed-headers.spec.ts';
const KEPT = 'test/integration/e2e/kept-keys.spec.ts';

export const revised = [
  row('a resent request names its first copy', ROWS, 'express.*withholds a request, has the client', [
    'src/client/channel/attempts.ts',
    'await send(claim, first?.claim)',
    'await send(claim, undefined)',
  ]),
  row("a second copy claims the first copy's number", ROWS, 'express.*withholds a request, has the client', [
    'src/channel/channels.ts',
    'if (header.again) await this.#claimFirst(session, header, header.again);',
    '',
  ]),
  row('a second copy does not run if the first one did', ROWS, 'express.*says that it was not', [
    'src/channel/channels.ts',
    "if (claim === 'replayed' || claim === 'stale') throw",
    "if (claim === 'stale') throw",
  ]),
  row("only a channel's own client can claim its numbers from another channel", ROWS, 'express.*claims a number', [
    'src/channel/channels.ts',
    'if (!first?.provesAgain(againInput(again.seq, kid, seq), again.tag)) return;',
    'if (!first) return;',
  ]),
  row('the tag of a second copy is valid for one message only', ROWS, 'express.*moves `again`', [
    'src/protocol/schedule.ts',
    'utf8(`${firstSeq} ${kid} ${seq}`)',
    'utf8(`${firstSeq}`)',
  ]),
  row('a plain message-stale response is not trusted', ROWS, 'express.*injects `message-stale`', [
    'src/client/channel/attempts.ts',
    "(problem === 'message-stale' && sealed === true)",
    "problem === 'message-stale'",
  ]),
  row('a client notices a changed session on renewal', ROWS, 'express.*(takes the session|puts an earlier)', [
    'src/client/trust/device.ts',
    'this.#hasChanged = !isExplicit && this.session !== undefined && session !== this.session;',
    'this.#hasChanged = false;',
  ]),
  row('a changed session stays rejected', ROWS, 'express.*takes the session', [
    'src/client/handshake/opener.ts',
    'await device?.refuseChanged();',
    'device?.acceptChange();\n      device && (device.session = undefined);',
  ]),
  row('a device key is used for one server only', ROWS, 'express.*is a server of its own', [
    'src/client/trust/device.ts',
    'if ((servers.get(key.x) ?? origin) !== origin) throw usedElsewhere();',
    '',
  ]),
  row(
    'the identity is part of the transcript',
    ROWS,
    'express.*(strips `proof`, or names|passes a handshake on)',
    ['src/channel/handshake.ts', 'identity: identity.signer?.kid,', 'identity: undefined,'],
    ['src/client/handshake/handshake.ts', 'device: bound, identity: signer }', "device: bound, identity: '' }"],
  ),
  row('the header of `secret` has exactly its two members', ROWS, 'express.*in place of `secret`', [
    'src/client/handshake/handshake.ts',
    ' || Object.keys(more).length > 0',
    " || 'crit' in more",
  ]),
  row('one key seals a limited number of responses', ANSWERS, '', [
    'src/channel/channel.ts',
    'return this.#answers >= this.#maxAnswers;',
    'return this.#answers > 2 ** 32;',
  ]),
  row('a channel ends when it has sealed its maximum number of responses', ANSWERS, '', [
    'src/channel/channels.ts',
    'channel && !channel.isSpent && ',
    'channel && ',
  ]),
  row('a message without `ek` is rejected if the record has no keys', KEPT, 'express.*before a message', [
    'src/channel/channels.ts',
    ' && channel.hasKeysFor(header) ? channel',
    ' ? channel',
  ]),
  row('responses say `kept` only if the record has the keys', KEPT, 'express.*could not be stored', [
    'src/channel/channel.ts',
    'return this.#isStored && cs !== undefined',
    'return cs !== undefined',
  ]),
  row('responses say `kept` only for the keys of the first `ek`', KEPT, 'express.*changes its mind', [
    'src/channel/channel.ts',
    'this.#engine.timingSafeEqual(secret, cs)',
    'cs.length === secret.length',
  ]),
  row('a request with a sealed query has no query in its URL', ANSWERS, '', [
    'src/channel/channels.ts',
    " && !(meta.query !== undefined && target.includes('?'))",
    '',
  ]),
  row('a message is followed by the content that its media type names', ANSWERS, '', [
    'src/channel/message-reader.ts',
    'if (header.frames !== FRAMES[place]) throw',
    'if (!header) throw',
  ]),
  row('a sealed query has no fragment and no space', META, '', [
    'src/protocol/meta.ts',
    '(query === undefined || isQuery(query))',
    "(query === undefined || typeof query === 'string')",
  ]),
  row('sealed header fields follow their grammar', META, '', [
    'src/protocol/meta.ts',
    "NAME.test(name) && typeof value === 'string' && grammar.test(value)",
    "typeof value === 'string'",
  ]),
  row('only configured header names are accepted inside a request', HEADERS, 'express.*not configured', [
    'src/nest/exchange/incoming.ts',
    'allowed.includes(name) && ',
    '',
  ]),
  row('a header name is inside or outside a request, not both', HEADERS, 'express.*outside too', [
    'src/nest/exchange/incoming.ts',
    ' && headers[name] === undefined',
    '',
  ]),
  row('a configured header name is accepted only inside a sealed request', HEADERS, 'express.*inside alone', [
    'src/nest/exchange/plain-request.ts',
    ' || how.sealedHeaders.includes(name)',
    '',
  ]),
  row('header fields sealed in a response are removed outside', HEADERS, 'express.*sets them outside', [
    'src/client/call/opened.ts',
    '...BODY_DESCRIPTIONS, ...inside]',
    '...BODY_DESCRIPTIONS]',
  ]),
];
