import { atStart } from './rows/at-start.mjs';
import { client } from './rows/client.mjs';
import { crypto } from './rows/crypto.mjs';
import { debug, fields } from './rows/fields.mjs';
import { kit } from './rows/kit.mjs';
import { paths } from './rows/paths.mjs';
import { platform } from './rows/platform.mjs';
import { revised } from './rows/revised.mjs';
import { row } from './row.mjs';
import { socketIo } from './rows/socket-io.mjs';
import { sockets } from './rows/sockets.mjs';
import { streams } from './rows/streams.mjs';
import { state } from './rows/state.mjs';
import { swagger } from './rows/swagger.mjs';

// Every defence: the edits that remove it (file, the code there, the code that replaces it), and the test that must fail.
const ROWS = 'test/security/attack/proxy.spec.ts';
const FAILING = 'test/security/attack/failing-answers.spec.ts';
const EARLY = 'test/integration/e2e/early-answers.spec.ts';
const FIELD = 'test/security/attack/field.spec.ts';
const TAMPERING = 'test/security/attack/tampering.spec.ts';
const HANDLERS = 'test/integration/module/handlers.spec.ts';
const AT_REST = 'test/security/attack/at-rest.spec.ts';

export const defences = [
  row("a channel is valid only in its session's epoch", 'test/integration/e2e/ended.spec.ts', 'express.*revoke', [
    'src/channel/store/channel-store.ts',
    'epoch === undefined || parts.epoch !== epoch',
    'epoch === undefined',
  ]),
  row('a late save does not restore a channel', 'test/integration/e2e/ended.spec.ts', 'express.*deleted in the store', [
    'src/nest/keys/session-watch.ts',
    'if (there == null) await channels.endSession(id);',
    '',
  ]),
  row(
    'the first logout of a session ends its channels',
    'test/integration/e2e/ended.spec.ts',
    'express.*served nothing',
    ['src/nest/platform/platform.express.ts', '      hooks.watch(request);\n', ''],
    ['src/nest/keys/session-watch.ts', 'if (there == null) await channels.endSession(id);', ''],
  ),
  row(
    'a channel without a device key opens nothing if the server requires one',
    'test/integration/e2e/login.spec.ts',
    'opens nothing',
    ['src/channel/store/channel-store.ts', 'if (this.options.requiresDevice && ', 'if (false && '],
  ),
  row(
    'a message of one user never runs as the next user',
    'test/integration/e2e/login.spec.ts',
    'express.*one user',
    ['src/nest/keys/carrier.ts', 'channel && (isLogin || isNobodys)', 'channel'],
    ['src/nest/keys/carrier.ts', 'user !== undefined && user !== after.user', 'false'],
  ),
  row(
    'a logout that empties its session keeps no channel',
    'test/integration/e2e/logout.spec.ts',
    'express.*without the module',
    ['src/nest/keys/carrier.ts', 'before.isBlank && state.owner?.isNobody === true', 'before.isBlank'],
  ),
  row(
    'a session that ever held data passes no channel on by itself',
    'test/integration/e2e/logout.spec.ts',
    'express.*nobody’s no more',
    ['src/nest/keys/session-watch.ts', 'if (there != null && !isBlank(there)) marked.e2e = HELD_DATA;', ''],
  ),
  row(
    'a revocation while a login replaces the session counts',
    'test/integration/e2e/logout.spec.ts',
    'express.*after revoke, while',
    [
      'src/nest/keys/carrier.ts',
      'if (isHome && now?.epoch !== state.home?.epoch) state.home = { session: ref.id, epoch: undefined };',
      '',
    ],
  ),
  row(
    'a call from before a logout is not sent again after it',
    'test/integration/e2e/logout.spec.ts',
    'express.*call that was under way',
    ['src/client/channel/attempts.ts', 'isOther && claim.era !== first.claim.era', 'false'],
  ),
  row(
    'a login over a user who was removed first keeps no channel',
    'test/integration/e2e/login.spec.ts',
    'express.*who was removed first',
    ['src/nest/keys/carrier.ts', 'state.owner?.user ?? before.user', 'before.user'],
  ),
  row(
    'a login carries no channel over that was revoked before',
    'test/integration/e2e/login.spec.ts',
    'express.*was revoked before',
    [
      'src/nest/keys/carrier.ts',
      'if (old.epoch !== stateOf(rawRequest(request)).home?.epoch) return this.#withDevice(request, before, ref, makeNew);',
      '',
    ],
  ),
  row(
    'a flood of handshakes does not displace active channels',
    'test/unit/channel/bounded-map.spec.ts',
    'flood of strangers',
    [
      'src/channel/store/bounded-map.ts',
      'else if (oldest !== undefined) this.#fresh.delete(oldest);',
      'else if (idle !== undefined) this.#used.delete(idle[0]);\n    else if (oldest !== undefined) this.#fresh.delete(oldest);',
    ],
  ),
  row('what is no time gives `busy`', 'test/integration/e2e/clocks.spec.ts', 'express.*no channel is made', [
    'src/channel/clock.ts',
    "if (!Number.isFinite(shared)) throw new E2eProblem('busy');",
    '',
  ]),
  row('servers share one clock', 'test/integration/e2e/clocks.spec.ts', 'express.*60 seconds', [
    'src/channel/channels.ts',
    'this.clock.at(arrivedAt) - header.iat',
    'arrivedAt - header.iat',
  ]),
  row('the AEAD tag is checked', TAMPERING, 'request.*X25519', [
    'src/crypto/aes-gcm.ts',
    '  } catch {\n    return undefined;\n  }\n  return plaintext;',
    '  } catch {\n    return plaintext;\n  }\n  return plaintext;',
  ]),
  row(
    'an AEAD tag has 16 bytes',
    FIELD,
    'GCM tag',
    ['src/crypto/aes-gcm.ts', 'iv.length !== IV_BYTES || tag.length !== TAG_BYTES', 'iv.length !== IV_BYTES'],
    ['src/crypto/aes-gcm.ts', 'createDecipheriv(CIPHER, key, iv, GCM)', 'createDecipheriv(CIPHER, key, iv)'],
    ['src/protocol/jwe.ts', ' || jwe.length - fourth - 1 !== TAG_CHARACTERS', ''],
  ),
  row('base64url is canonical', FIELD, 'Two spellings', [
    'src/crypto/node.ts',
    'return bytes.length === base64urlByteLength(text) ? bytes : undefined;',
    'return bytes;',
  ]),
  row('IVs are random', FIELD, 'no IV comes twice', [
    'src/channel/sealing.ts',
    'const iv = engine.randomBytes(IV_BYTES);',
    'const iv = new Uint8Array(IV_BYTES);',
  ]),
  row('responses have their own key', FIELD, 'One key', [
    'src/channel/channel.ts',
    'return { key: keys.response, encryptedKey',
    'return { key: keys.request, encryptedKey',
  ]),
  row('zip and crit are refused', FIELD, 'zip', [
    'src/protocol/message.ts',
    "if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'zip')) return undefined;",
    '',
  ]),
  row('duplicate member names are rejected', 'test/unit/protocol/json.spec.ts', '', [
    'src/protocol/json.ts',
    'again !== text && namesAMemberTwice(text)',
    'false',
  ]),
  row('an RSA exponent is 65537', FIELD, 'Odd RSA', [
    'src/protocol/rsa-key.ts',
    "if (jwk.e !== E_65537) return 'exponent';",
    '',
  ]),
  row('an RSA modulus has 2,048 to 4,096 bits', FIELD, 'Odd RSA', [
    'src/protocol/rsa-key.ts',
    "if (length < min / 8 || length > max / 8) return 'size';",
    '',
  ]),
  row('a wrong OAEP block fails like a wrong tag', TAMPERING, 'plain way, RSA-OAEP-256', [
    'src/channel/channel-keys.ts',
    'return decrypted?.length === SECRET_BYTES ? decrypted : random;',
    'return decrypted ?? random.subarray(1);',
  ]),
  row('refusals look the same', 'test/security/attack/fingerprint.spec.ts', 'express.*X25519', [
    'src/channel/channels.ts',
    'const opened = channel.open(jwe, header);',
    "const opened = channel.open(jwe, header);\n    if (!opened) throw new E2eProblem('message-rejected', { detail: 'the tag' });",
  ]),
  row('a message is bound to its method', ROWS, 'express.*to another method', [
    'src/channel/channels.ts',
    'header.method === method && ',
    '',
  ]),
  row('a message is bound to its target', ROWS, 'express.*to another route|express.*a query', [
    'src/channel/channels.ts',
    'header.target === target && ',
    '',
  ]),
  row('a message is bound to its Idempotency-Key', ROWS, 'express.*Idempotency', [
    'src/channel/channels.ts',
    ' && header.idem === idem',
    '',
  ]),
  row("a message with a body comes in the request's body", ROWS, 'express.*moves a sealed form', [
    'src/channel/channels.ts',
    "(place === 'body' && header.cty !== undefined)",
    'header.cty !== undefined',
  ]),
  row('a request with a message has no plain body', ROWS, 'express.*plain body beside', [
    'src/nest/exchange/exchange.ts',
    'if (found.besideBody && !takesPlain) {',
    'if (!found) {',
  ]),
  row('a message is fresh', ROWS, 'express.*301 s', [
    'src/channel/channels.ts',
    'return age > MAX_AGE_SECONDS;',
    'return false;',
  ]),
  row('a message is complete within 300 s of its arrival', ROWS, 'express.*its body 301 s', [
    'src/channel/channels.ts',
    'if (transit > MAX_TRANSIT_SECONDS) return true;',
    '',
  ]),
  row('a message is not too far in the future', FIELD, 'timestamp', [
    'src/channel/channels.ts',
    ' || -age > MAX_AHEAD_SECONDS',
    '',
  ]),
  row('a message runs once', ROWS, 'express.*(once more|copies)', [
    'src/channel/replay.ts',
    'return window.claim(seq);',
    "return window.claim(seq) && 'new';",
  ]),
  row('the replay window remembers every number inside it', ROWS, 'express.*another order', [
    'src/channel/replay.ts',
    "if (this.#bits[slot]! & bit) return 'replayed';",
    "if (this.#bits[slot]! & bit && seq === this.#highest) return 'replayed';",
  ]),
  row('the replay window rejects numbers behind it', ROWS, 'express.*withholds', [
    'src/channel/replay.ts',
    "if (seq <= this.#highest - WINDOW_SIZE) return 'stale';",
    '',
  ]),
  row('each key management algorithm has its own replay window', ROWS, 'express.*highest .seq', [
    'src/channel/replay.ts',
    "alg === 'dir' ? windows.dir : (windows.plain ??= new SlidingWindow())",
    'windows.dir',
  ]),
  row('plain messages are off by default', ROWS, 'express.*plain JWE, which the server rejects', [
    'src/channel/message-reader.ts',
    ': this.options.allowPlainJwe && header.ek === undefined',
    ': header.ek === undefined',
  ]),
  row(
    'a channel belongs to its session',
    ROWS,
    'express.*another session',
    [
      'src/channel/store/channel-record.ts',
      "return `channel\\n${session ?? ''}\\n${epoch}\\n${kid}`;",
      'return `channel\\n${kid || session || epoch}`;',
    ],
    [
      'src/channel/store/channel-store.ts',
      'if (!parts || epoch === undefined || parts.epoch !== epoch) return undefined;',
      'if (!parts) return undefined;',
    ],
  ),
  row("a channel's record belongs to its kid", AT_REST, 'another name', [
    'src/channel/store/channel-record.ts',
    "return `channel\\n${session ?? ''}\\n${epoch}\\n${kid}`;",
    'return `channel\\n${session || kid}\\n${epoch}`;',
  ]),
  row('a channel ends at expiresAt', AT_REST, 'ends at its time', [
    'src/channel/store/channel-store.ts',
    'if (!held || held.channel.expiresAt <= now) return undefined;',
    'if (!held) return undefined;',
  ]),
  row('channel records are encrypted', AT_REST, 'is ciphertext', [
    'src/channel/store/vault.ts',
    'const { ciphertext, tag } = this.#engine.seal(this.#wrapping[0]!, iv, utf8(context), record);',
    'const { tag } = this.#engine.seal(this.#wrapping[0]!, iv, utf8(context), record);\n    const ciphertext = record;',
  ]),
  row('every configured secret can decrypt records', AT_REST, 'rotates', [
    'src/channel/store/vault.ts',
    'for (const key of this.#wrapping) {',
    'for (const key of this.#wrapping.slice(0, 1)) {',
  ]),
  row('an ended session stays ended', ROWS, 'express.*logs out', [
    'src/nest/keys/session.ts',
    "if (!isStored && cameWith(request, id)) throw new E2eProblem('busy');",
    'void cameWith;',
  ]),
  row(
    "a session's end ends its channels",
    ROWS,
    'express.*late save',
    ['src/nest/keys/session-watch.ts', 'channels.endSession(id).catch(() => undefined)', 'undefined'],
    ['src/nest/keys/session-watch.ts', 'if (there == null) await channels.endSession(id);', ''],
  ),
  row(
    'a session store that hangs gets a response in time',
    'test/integration/e2e/deadline.spec.ts',
    'express.*what comes late',
    [
      'src/nest/exchange/exchange.ts',
      'if (!isMessage && handshakeType === undefined) return false;',
      'if (isMessage || handshakeType === undefined) return false;',
    ],
  ),
  row('a sealed route rejects plain requests', ROWS, 'express.*in place of a message', [
    'src/nest/exchange/exchange.ts',
    "if (isSealedRoute) throw new E2eProblem('message-required');",
    '',
  ]),
  row('a route is identified even if its handler was replaced', HANDLERS, 'express.*(bound|proxy)', [
    'src/nest/routes/route-registration.ts',
    'route ? telling(route.of, handler as PlatformHandler) : handler',
    'handler',
  ]),
  row('@Encrypted() survives a wrapper of the method', HANDLERS, 'express.*wrapped', [
    'src/nest/routes/encrypted.decorator.ts',
    'if (name !== undefined) Reflect.defineMetadata(SEALING_METADATA, sealing, target, name);',
    'if (name !== undefined) return;',
  ]),
  row('@Encrypted() survives a wrapper of the method without the module', HANDLERS, 'nobody imports the module', [
    'src/nest/routes/encrypted.decorator.ts',
    'UseGuards(ModulePresence)(owner);',
    'if (name === undefined) UseGuards(ModulePresence)(owner);',
  ]),
  row('an override of a sealed method is sealed', HANDLERS, 'express.*overrides', [
    'src/nest/routes/sealing-resolver.ts',
    'return inherited && seals(inherited) ? inherited : undefined;',
    'return undefined;',
  ]),
  row('an ambiguous route gets the strictest declaration', HANDLERS, 'express.*library', [
    'src/nest/routes/route-table.ts',
    'this.#strictest(possible);',
    'undefined;',
  ]),
  row("a sealed route registered out of the module's sight is rejected", HANDLERS, 'past the adapter', [
    'src/nest/routes/route-registration.ts',
    'if (lost) throw new Error(notRegistered(lost));',
    '',
  ]),
  row("no guard runs before the module's guard", 'test/integration/e2e/order.spec.ts', 'express.*imported after', [
    'src/nest/module/nest-hooks.ts',
    'if (all[0] !== ours && isNeeded())',
    'if (!all.includes(ours))',
  ]),
  row('a response that cannot be sealed is not sent', FIELD, 'falls through', [
    'src/nest/exchange/sealed-answer.ts',
    "if (encoding !== undefined && encoding !== 'identity')",
    'if (status > 999)',
  ]),
  row('no plaintext is sent if sealing fails', FAILING, '\\(Express\\)', [
    'src/nest/exchange/answer-sealer.ts',
    'return withheldAnswer(500);',
    'return { status: 200, headers: {}, body: plain.body };',
  ]),
  row('a response sent before the message is opened has no content', EARLY, 'Express.*answers at app.use', [
    'src/nest/exchange/exchange.ts',
    'return withheldAnswer(answer.status);',
    'return { status: answer.status, headers: {}, body: answer.body };',
  ]),
  row('a response sent before the route is reached is sealed', EARLY, 'Express.*answers at consumer.apply', [
    'src/nest/exchange/exchange.ts',
    'if (state.seal) return state.seal(answer);',
    '',
  ]),
  row('only sealed bytes are written to the connection', FAILING, '\\(Express\\)', [
    'src/nest/request/expected-bytes.ts',
    'if (next !== rest && Buffer.compare(next.subarray(0, length), rest.subarray(0, length)) !== 0) return false;',
    '',
  ]),
  row('a response that fails while it is sent is cut off', FAILING, '\\(Express\\)', [
    'src/nest/request/response-door.ts',
    'this.#first!(name, args),\n      );\n    } catch (error) {\n      this.break();\n      throw error;',
    "this.#first!(name, args),\n      );\n    } catch (error) {\n      this.#state = 'open';\n      throw error;",
  ]),
  row('no hash of the body is visible outside the message', FAILING, '\\(Express\\)', [
    'src/nest/request/response-headers.ts',
    'if (describesBody(name) || isSealed(name)) response.removeHeader(name);',
    'if (isSealed(name)) response.removeHeader(name);',
  ]),
  row('HTTP/2 raw responses, pushes and trailers are blocked', FAILING, 'HTTP/2', [
    'src/nest/request/response-door.ts',
    'if (stream) {',
    'if (stream && !this.#isHttp2) {',
  ]),
  row('an own `__proto__` member is rejected', FIELD, '__proto__', [
    'src/nest/exchange/body-shape.ts',
    "if (name === '__proto__' || (",
    'if ((',
  ]),
  row('a sealed query is in no log', 'test/security/attack/canary.spec.ts', '', [
    'src/nest/keys/server-keys.ts',
    'return this.#vault.name(`query ${query}`);',
    'return query;',
  ]),
  row('KeyService exposes no secret', 'test/security/attack/shown.spec.ts', '', [
    'src/nest/options/e2e.options.ts',
    'hasSecret: list(options.secret).length > 0,',
    'hasSecret: list(options.secret).length > 0, ...{ secrets: list(options.secret) },',
  ]),
  row('the client computes the kid itself', ROWS, 'express.*swaps `publicKey`:', [
    'src/client/handshake/handshake.ts',
    "if (kid !== answer.kid) throw await rejected('kid');",
    '',
  ]),
  row('the client rejects a server key that it has seen before', ROWS, 'express.*had before', [
    'src/client/handshake/handshake.ts',
    "if (seen.has(kid)) throw await rejected('seen');",
    '',
  ]),
  row('a client with a pin requires a proof', ROWS, 'express.*strips `proof`', [
    'src/client/trust/identity.ts',
    "if (typeof proof !== 'string') throw rejected('it sent no proof (does it have an identityKey?)');",
    "if (typeof proof !== 'string') return;",
  ]),
  row('a proof belongs to this handshake', ROWS, 'express.*another handshake', [
    'src/client/trust/identity.ts',
    "throw rejected('its proof is of another handshake');",
    '',
  ]),
  row('a proof is signed by the pinned key', ROWS, 'express.*signs its own keys', [
    'src/client/trust/identity.ts',
    "throw rejected('the signature of its proof is wrong');",
    '',
  ]),
  row('a response belongs to its request', ROWS, 'express.*(earlier one|swaps the answers)', [
    'src/client/channel/channel.ts',
    ' || header.seq !== seq',
    '',
  ]),
  row('a plain response is never used as data', ROWS, 'express.*answers in the clear', [
    'src/client/call/plain.ts',
    'if (plainAnswer && !isProblem) return { response: wire };',
    'if (!isProblem) return { response: wire };',
  ]),
  row('the client uses the sealed status', ROWS, 'express.*other headers', [
    'src/client/call/opened.ts',
    'const { status } = opened.header;',
    'const { status } = wire;',
  ]),
  row('a POST is not resent', ROWS, 'express.*(injects .* once|lets a request through)', [
    'src/client/call/exchange.ts',
    "return answer ?? (RESENDABLE_METHODS.includes(method) || headers.has('idempotency-key'));",
    'return answer ?? (RESENDABLE_METHODS.length > 0);',
  ]),
  row('redirects stay within the origin', 'test/unit/client/redirects.spec.ts', '', [
    'src/client/call/redirects.ts',
    "if (next?.origin !== from.url.origin) throw refused('it leads to another origin');",
    "if (!next) throw refused('it leads nowhere');",
  ]),
  row('a handshake without a required device key is rejected', ROWS, 'express.*without a device key', [
    'src/nest/keys/entrance.ts',
    'if (device === undefined) {',
    'if (device === undefined) return undefined;\n    if (device === undefined) {',
  ]),
  row('a session is bound to one device key', ROWS, 'express.*device key of its own', [
    'src/nest/keys/entrance.ts',
    'if (record?.device && isSameKey(record.device, device)) return',
    'if (record?.device) return',
  ]),
  row('a channel opens nothing before its device key is proven', ROWS, 'express.*device', [
    'src/channel/channel.ts',
    'if (isDeviceProof && !this.#acceptDeviceProof(header.dev)) return undefined;',
    '',
  ]),
  row('a device proof is valid for one channel only', ROWS, 'express.*replays the proof of the device', [
    'src/channel/device.ts',
    'if (jws.payload !== transcriptPayload((bytes) => engine.encodeBase64url(bytes), th)) return false;',
    'void th;',
  ]),
  row('a plain message does not prove a device key', 'test/integration/e2e/device.spec.ts', '', [
    'src/channel/channel.ts',
    "if (this.kind !== 'RSA' || this.isBound) return undefined;",
    "if (this.kind !== 'RSA') return undefined;",
  ]),
  row('a client refuses a session that is not bound to its device key', ROWS, 'express.*device', [
    'src/client/handshake/handshake.ts',
    'if (device && bound !== (await thumbprint(engine, device.publicKey))) {',
    'if (device && !bound) {',
  ]),
  row(
    'Content-Length is trusted only if the platform enforces it',
    'test/unit/client/answers.spec.ts',
    'a fetch that',
    ['src/client/call/bytes.ts', "response.type === 'basic' && ", ''],
  ),
  row(
    'a body of an unknown channel is rejected before it is buffered',
    'test/integration/e2e/early-refusals.spec.ts',
    'express.*unknown channel',
    [
      'src/nest/request/body-reader.ts',
      'type === MESSAGE_MEDIA_TYPE ? peekAtHeader(precheck) : undefined',
      'undefined && peekAtHeader(precheck)',
    ],
  ),
  row(
    'the rest of a rejected body is read only up to a limit',
    'test/integration/e2e/early-refusals.spec.ts',
    'express.*up to a bound',
    ['src/nest/request/linger.ts', 'if (left < 0 && !wasEnough) giveUp();', ''],
  ),
  ...revised,
  ...state,
  ...platform,
  ...client,
  ...kit,
  ...crypto,
  ...sockets,
  ...socketIo,
  ...paths,
  ...fields,
  ...debug,
  ...streams,
  ...atStart,
  ...swagger,
  row('the cookie file is never written through a link', 'test/unit/cli/cookie-file.spec.ts', 'follows no link', [
    'src/cli/private-file.ts',
    'constants.O_RDONLY | NO_FOLLOW',
    'constants.O_RDONLY',
  ]),
  row('only the owner can read the cookie file', 'test/unit/cli/cookie-file.spec.ts', 'others have access', [
    'src/cli/private-file.ts',
    '(mode & 0o077) !== 0',
    '(mode & 0o007) !== 0',
  ]),
];
