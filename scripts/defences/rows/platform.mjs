// What the HTTP platforms need done.
import { row } from '../row.mjs';

const FASTIFY = 'test/integration/ecosystem/fastify.spec.ts';
const SESSION_COOKIE = 'test/integration/e2e/fastify-session-cookie.spec.ts';
const MODULE_SESSION = 'test/integration/module/module-session.spec.ts';
const DIFFERENCES = 'test/integration/parity/request-differences.spec.ts';
const UPLOADS = 'test/integration/streams/uploads.spec.ts';
const STORE = 'test/integration/e2e/store.spec.ts';
const FAILING = 'test/security/attack/failing-answers.spec.ts';
const OUTLETS = 'test/integration/e2e/fastify-outlets.spec.ts';
const DEADLINE = 'test/integration/e2e/deadline.spec.ts';
const EARLY_ANSWERS = 'test/integration/e2e/early-answers.spec.ts';
const EARLY = 'test/integration/e2e/early-refusals.spec.ts';
const DOORS = 'test/integration/module/fastify-doors.spec.ts';
const SLOW = 'test/integration/e2e/slow-bodies.spec.ts';

export const platform = [
  row(
    'on Fastify, another device gets its own session',
    'test/integration/e2e/device.spec.ts',
    'fastify.*a stolen cookie',
    ['src/nest/keys/fastify-session.ts', "server.decryptSession('', request, () => undefined);", ''],
  ),
  row(
    'on Fastify, a login on a plain route keeps the device key',
    'test/integration/e2e/login.spec.ts',
    'plain login.*fastify',
    ['src/nest/platform/platform.fastify.ts', 'hooks.watchSession(request);', ''],
  ),
  row(
    'on Fastify, a session that replaced another one is watched, too',
    'test/integration/e2e/login.spec.ts',
    'twice.*fastify.*regenerate, regenerate',
    ['src/nest/keys/session-watch.ts', 'made.finally(() => watchSession(request, around))', 'made'],
  ),
  row('on Fastify, no middleware answers a sealed request in the clear', DOORS, 'if it is sealed', [
    'src/nest/platform/fastify-internals.ts',
    'hooks.unshift(hook as Hook);',
    'hooks.push(hook as Hook);',
  ]),
  row('on Fastify, no hook of a plugin answers a sealed request in the clear', DOORS, 'if it is sealed', [
    'src/nest/platform/fastify-internals.ts',
    'for (const child of children as object[]) addFirstHook(child, hook);',
    '',
  ]),
  row('on Fastify, no middleware answers a plain request under a sealed path', DOORS, 'if it is plain', [
    'src/nest/platform/fastify-internals.ts',
    'hooks.unshift(hook as Hook);',
    'hooks.push(hook as Hook);',
  ]),
  row(
    'an application on a Fastify whose hooks are unknown does not start',
    'test/unit/nest/fastify-internals.spec.ts',
    '',
    [
      'src/nest/platform/fastify-internals.ts',
      'if (!Array.isArray(hooks) || !Array.isArray(children)) throw new Error(NO_HOOKS);',
      'if (!Array.isArray(hooks) || !Array.isArray(children)) return;',
    ],
  ),
  row(
    "on Fastify, a client cannot choose which cookie is the session's",
    SESSION_COOKIE,
    'no client can have another cookie hidden',
    [
      'src/nest/platform/fastify-session-cookie.ts',
      'const [name] = read;',
      'const name = Object.keys(request.cookies!).find((each) => request.cookies![each]?.endsWith(request.session!.encryptedSessionId!));',
    ],
  ),
  row("on Fastify, of a client's cookies only the session's own is verified", SESSION_COOKIE, 'only the session', [
    'src/nest/platform/fastify-session-cookie.ts',
    "if (name !== undefined) return [cookies[name] ?? ''];",
    '',
  ]),
  row('on Fastify, of cookies without a known name few are verified', SESSION_COOKIE, 'a few cookies', [
    'src/nest/platform/fastify-session-cookie.ts',
    'signed.slice(0, MAX_TRIED)',
    'signed',
  ]),
  row('on Fastify, the cookie of an ended session stays in the browser', SESSION_COOKIE, 'and no other', [
    'src/nest/platform/platform.fastify.ts',
    'hideEndedCookie(request);',
    '',
  ]),
  row(
    'on Fastify, responses of plugins are sealed',
    OUTLETS,
    'own handlers',
    ['src/nest/platform/platform.fastify.ts', '.then(() => hooks.enter(request, reply))', ''],
    ['src/nest/exchange/exchange.ts', 'if (state.seal) return state.seal(answer);', ''],
  ),
  row(
    'an application on an unsupported Nest version is rejected',
    'test/integration/module/servers.spec.ts',
    'older Nest',
    [
      'src/nest/platform/platform-of.ts',
      "if (typeof (adapter as { propfind?: unknown }).propfind !== 'function') throw new Error(TOO_OLD);",
      '',
    ],
  ),
  row('a session that a module applies is used', MODULE_SESSION, 'is the session that', [
    'src/nest/platform/module-sessions.ts',
    'if (session) sessions.set(this.getHttpAdapter(), session);',
    '',
  ]),
  row('a session whose store is down is not replaced by one in memory', STORE, '', [
    'src/nest/platform/platform.express.ts',
    'isOurs ??= (request as { session?: unknown }).session === undefined && !moduleSessionOf(this.adapter);',
    'isOurs = (request as { session?: unknown }).session === undefined && !moduleSessionOf(this.adapter);',
  ]),
  row('a Fastify session without a store is rejected', FASTIFY, 'start is refused', [
    'src/nest/platform/platform.fastify.ts',
    "if (!this.#instance.hasRequestDecorator('sessionStore')) throw new Error(NO_STORE);",
    '',
  ]),
  row('session options that Fastify would ignore are rejected', FASTIFY, 'start is refused', [
    'src/nest/platform/platform.fastify.ts',
    '    rejectUnsupported(options);\n',
    '',
  ]),
  row('a Fastify content type parser for messages is rejected', FASTIFY, 'start is refused', [
    'src/nest/platform/platform.fastify.ts',
    'if (instance.hasContentTypeParser(type)) throw new Error(parserThere(type));',
    'if (instance.hasContentTypeParser(type)) continue;',
  ]),
  row('Fastify parses the plain body by its own media type', FASTIFY, 'see the plain body', [
    'src/nest/platform/fastify-internals.ts',
    'if (type) known[type] = undefined;',
    'void type;',
  ]),
  row("Express body parsers apply only this module's limit", DIFFERENCES, 'express.*The limit', [
    'src/nest/platform/express-parsers.ts',
    'if (!parser || !isTooLarge(error)) throw this.#mapped(error);',
    'throw this.#mapped(error);',
  ]),
  row('a body in frames is collected within the limit for messages', UPLOADS, 'express.*too-large', [
    'src/nest/platform/express-parsers.ts',
    'const body = await collectBody(request, this.maxBodySize);',
    'const body = await collectBody(request, 2 ** 30);',
  ]),
  row('a body in frames is limited on the wire', UPLOADS, 'express.*too-large', [
    'src/nest/request/framed-body.ts',
    'if (received <= maxStreamSize) return false;',
    'if (received <= Infinity) return false;',
  ]),
  row('frames of a request that do not open are an error for the reader', UPLOADS, 'express.*does not end', [
    'src/nest/request/framed-body.ts',
    '    } catch {\n      broken();\n    }\n  };',
    '    } catch {\n      finish();\n    }\n  };',
  ]),
  row("a request's body in frames ends only with its last frame", UPLOADS, 'express.*cut at the end of every frame', [
    'src/nest/request/framed-body.ts',
    '      frames.end();\n    } catch {\n      broken();\n      return false;\n    }',
    '      frames.end();\n    } catch {\n      void 0;\n    }',
  ]),
  row('a body in frames that stalls is cut off', UPLOADS, 'express.*nothing comes', [
    'src/nest/request/framed-body.ts',
    'isAwaited(request) ? broken() : idle.refresh()',
    'isAwaited(request) ? undefined : idle.refresh()',
  ]),
  row('a body is limited while it arrives', EARLY, 'express.*no length', [
    'src/nest/request/body-collector.ts',
    'if (length + available > limit) {',
    'if (length + available > 2 ** 40) {',
  ]),
  row('a body that does not arrive is rejected after 300 s', SLOW, 'never comes \\(fastify.*a message', [
    'src/nest/request/body-collector.ts',
    'late && setTimeout(() => settle(() => resolve(late())), TIME_LIMIT_MS).unref()',
    'undefined',
  ]),
  row('a head of frames that does not arrive is rejected after 300 s', SLOW, 'never comes \\(fastify.*the head', [
    'src/nest/request/body-collector.ts',
    'setTimeout(() => settle(() => resolve(undefined)), TIME_LIMIT_MS).unref()',
    'undefined',
  ]),
  row('no raw HTTP/2 head or file is sent', FAILING, 'HTTP/2', [
    'src/nest/request/http2-guard.ts',
    'stream.respondWithFile = (...args) => void passIf(false, respondWithFile, args);',
    '',
  ]),
  row('a plain body beside a message is noticed on HTTP/2', 'test/integration/e2e/http2-bodies.spec.ts', 'is refused', [
    'src/nest/exchange/incoming.ts',
    "if (httpVersionMajor >= 2 && stream) return !stream.endAfterHeaders && Number(headers['content-length']) !== 0;",
    'void httpVersionMajor, stream;',
  ]),
  row('no HTTP/2 stream is pushed', FAILING, 'HTTP/2', [
    'src/nest/request/http2-guard.ts',
    'if (gate.isOpen()) Reflect.apply(pushStream, stream, args);',
    'if (gate) Reflect.apply(pushStream, stream, args);',
  ]),
  row('no HTTP/2 trailers are sent', FAILING, 'HTTP/2', [
    'src/nest/request/http2-guard.ts',
    'else if (!stream.sentTrailers) Reflect.apply(sendTrailers, stream, [{}]);',
    'else if (!stream.sentTrailers) Reflect.apply(sendTrailers, stream, [trailers]);',
  ]),
  row('a response that does not end in time is cut off', DEADLINE, 'express', [
    'src/nest/request/deadline.ts',
    'if (!response.writableEnded) abort(response);',
    '',
  ]),
  row('a plain response has an error status', EARLY_ANSWERS, 'with success', [
    'src/nest/exchange/constant-answers.ts',
    'status >= 400 && status <= 599 ? status : 500',
    'status',
  ]),
];
