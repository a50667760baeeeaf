// The option sealedPaths: what answers under a path is sealed, whoever mounted it.
import { row } from '../row.mjs';

const VARIANTS = 'test/integration/paths/variants.spec.ts';
const UPGRADES = 'test/integration/paths/upgrades.spec.ts';
const MOUNTED = 'test/integration/paths/mounted.spec.ts';
const AROUND = 'test/integration/paths/around.spec.ts';
const AT_START = 'test/integration/paths/at-start.spec.ts';
const SUBSCRIPTIONS = 'test/integration/graphql/subscriptions.spec.ts';
const GATE = 'src/nest/exchange/path-gate.ts';
const PATHS = 'src/nest/routes/sealed-paths.ts';

export const paths = [
  row(
    'a sealed path rejects plain requests',
    MOUNTED,
    'fastify.*where it answers before all',
    ['src/nest/module/e2e.module.ts', 'this.gate.hold(request, response, arrival.target);', ''],
    ['src/nest/platform/platform.fastify.ts', "hooks.hold(raw, reply.raw, raw.url ?? '') || ", ''],
  ),
  row('a plain request reaches no handler under a sealed path', MOUNTED, 'express.*refuses a POST of JSON', [
    GATE,
    'lingerOnceAnswered(raw, response);\n    turnAway(raw);\n    return true;',
    'return true;',
  ]),
  row('a sealed path matches regardless of case', VARIANTS, 'express.*by GET', [PATHS, '.toLowerCase()', '']),
  row('a sealed path matches decoded paths', VARIANTS, 'fastify.*by GET', [PATHS, 'read = decoded;', 'return false;']),
  row('a sealed path matches paths with double slashes', VARIANTS, 'fastify.*by GET', [
    PATHS,
    "segments.filter((segment) => segment !== '' && segment !== '.')",
    'segments.slice(1)',
  ]),
  row('dot segments do not leave a sealed path', VARIANTS, 'express.*by GET', [
    PATHS,
    "if (partsOf(path).includes('..')) return this.#mentions(path);",
    '',
  ]),
  row('the query starts at the first question mark of the target as sent', VARIANTS, 'any reader', [
    PATHS,
    'read = decoded;',
    "read = decoded.split('?', 1)[0]!;",
  ]),
  row(
    'the path of an absolute request target is found only behind a plain host',
    UPGRADES,
    'express.*opens a plain one',
    [PATHS, "return path !== '' && path !== '*';", 'return false;'],
  ),
  row('a rewritten path is checked again', VARIANTS, 'fastify.*by GET', [
    'src/nest/platform/platform.fastify.ts',
    "hooks.hold(raw, reply.raw, raw.url ?? '') || ",
    '',
  ]),
  row('a request that looks like a handshake does not get under a sealed path', VARIANTS, 'express.*by POST', [
    GATE,
    '|| isSealed(raw)) return false;',
    "|| isSealed(raw) || target.endsWith('handshake')) return false;",
  ]),
  row('a message under a sealed path is opened before any handler', MOUNTED, 'express.*answers a POST of JSON as', [
    GATE,
    'await this.exchange.enterUnrouted(request, response);',
    '',
  ]),
  row('no handler under a sealed path gets an unopened message', AROUND, 'shows nowhere', [
    'src/nest/platform/platform.express.ts',
    'hooks.refuseUnread(request, response);',
    '',
  ]),
  row('a sealed path does not cover the handshake', AT_START, 'the handshake', [
    'src/nest/routes/path-validator.ts',
    '.some((name) => path.endsWith(',
    '.some((name) => path === (',
  ]),
  row('a declaration that contradicts a sealed path is rejected', AT_START, 'no controller that says otherwise', [
    'src/nest/routes/path-validator.ts',
    'if (declared && !(declared.request && declared.response)) throw',
    'if (false) throw',
  ]),
  row('a sealed path rejects plain sockets', SUBSCRIPTIONS, 'apollo on express.*asks for graphql-transport-ws', [
    GATE,
    "if (!this.paths.covers(request.url ?? '')) return true;",
    "if (request.url !== '/graphql') return true;",
  ]),
  row(
    'sockets under a sealed path are rejected if no adapter seals them',
    SUBSCRIPTIONS,
    'apollo on express.*is refused, sealed',
    ['src/nest/exchange/socket-admission.ts', 'refuseUpgrade(socket, SEALED_ONLY);', 'passOn(request, socket, head);'],
  ),
];
