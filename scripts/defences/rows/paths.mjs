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
  row('a sealed path takes no plain request', MOUNTED, 'fastify.*where it answers before all', [
    'src/nest/module/e2e.module.ts',
    'this.gate.hold(request, response, arrival.target);',
    '',
  ]),
  row('who answers under a sealed path is not reached by a plain request', MOUNTED, 'express.*refuses a POST of JSON', [
    GATE,
    'lingerOnceAnswered(raw, response);\n    turnAway(raw);\n    return true;',
    'return true;',
  ]),
  row('a sealed path is read without case', VARIANTS, 'express.*by GET', [PATHS, '.toLowerCase()', '']),
  row('a sealed path is read decoded', VARIANTS, 'fastify.*by GET', [PATHS, 'read = decoded;', 'return false;']),
  row('a sealed path is read without double slashes', VARIANTS, 'fastify.*by GET', [
    PATHS,
    "segments.filter((segment) => segment !== '' && segment !== '.')",
    'segments.slice(1)',
  ]),
  row('a sealed path is not left by dots', VARIANTS, 'express.*by GET', [
    PATHS,
    "if (partsOf(path).includes('..')) return this.#mentions(path);",
    '',
  ]),
  row('a query is what follows a question mark as it was sent', VARIANTS, 'any reader', [
    PATHS,
    'read = decoded;',
    "read = decoded.split('?', 1)[0]!;",
  ]),
  row('a path in a whole URL is looked for behind a plain host alone', UPGRADES, 'express.*opens a plain one', [
    PATHS,
    "return path !== '' && path !== '*';",
    'return false;',
  ]),
  row('a sealed path is looked for again where it was rewritten', VARIANTS, 'fastify.*by GET', [
    'src/nest/platform/platform.fastify.ts',
    "hooks.hold(raw, reply.raw, raw.url ?? '') || ",
    '',
  ]),
  row('what looks like a handshake is no way under a sealed path', VARIANTS, 'express.*by POST', [
    GATE,
    '|| isSealed(raw)) return false;',
    "|| isSealed(raw) || target.endsWith('handshake')) return false;",
  ]),
  row('a message under a sealed path is opened before anybody there', MOUNTED, 'express.*answers a POST of JSON as', [
    GATE,
    'await this.exchange.enterUnrouted(request, response);',
    '',
  ]),
  row('nobody gets a message under a sealed path unopened', AROUND, 'shows nowhere', [
    'src/nest/platform/platform.express.ts',
    'hooks.refuseUnread(request, response);',
    '',
  ]),
  row('a sealed path does not cover the handshake', AT_START, 'the handshake', [
    'src/nest/routes/path-validator.ts',
    '.some((name) => path.endsWith(',
    '.some((name) => path === (',
  ]),
  row('a sealed path goes with no declaration that says otherwise', AT_START, 'no controller that says otherwise', [
    'src/nest/routes/path-validator.ts',
    'if (declared && !(declared.request && declared.response)) throw',
    'if (false) throw',
  ]),
  row('a sealed path takes no plain socket', SUBSCRIPTIONS, 'apollo on express.*asks for graphql-transport-ws', [
    GATE,
    "if (!this.paths.covers(request.url ?? '')) return true;",
    "if (request.url !== '/graphql') return true;",
  ]),
  row(
    'without who seals them there are no sockets under a sealed path',
    SUBSCRIPTIONS,
    'apollo on express.*is refused, sealed',
    ['src/nest/exchange/socket-admission.ts', 'refuseUpgrade(socket, SEALED_ONLY);', 'passOn(request, socket, head);'],
  ),
];
