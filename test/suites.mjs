// How the tests that need nothing but Node are divided. `npm test` is what a contributor waits for: the quick unit tests,
// and of each room of integration tests what shows first that it is broken. CI runs the others as suites of their own.
// Every test is in exactly one suite: test/unit/repository/suites.spec.ts holds that.

/** What `npm test` runs beside unit tests. */
export const FIRST = [
  'integration/axios/axios',
  'integration/e2e/{client,errors,fallthrough,http,order,redirects,refusals,results}',
  'integration/fields/fields',
  'integration/graphql/sealed',
  'integration/module/{handlers,routes}',
  'integration/parity/{incoming,request-differences}',
  'integration/paths/{around,mounted}',
  'integration/socket.io/gateways',
  'integration/sockets/{gateways,like-a-websocket}',
  'integration/streams/{answers,uploads}',
  'integration/swagger/setup',
  'integration/testing/{sealed,sockets}',
  'security/fuzz/{json,message}',
];

/** Unit tests that are not quick: thousands of vectors, commands against running servers, all of the documentation. */
export const LONG = [
  'unit/cli/{call,connect,doctor,inspect,streams}',
  'unit/client/{handshake,uploads}',
  'unit/crypto/{engines,vectors,wycheproof}',
  'unit/protocol/keys',
  'unit/repository/{api,docs,release}',
];

const file = (/** @type {string} */ name) => `<rootDir>/test/${name}.spec.ts`;
// Jest replaces <rootDir> at the start of a pattern only.
const not = (/** @type {string} */ name) => `!**/test/${name}.spec.ts`;

/**
 * By the value of SUITE, Jest's `testMatch`: a later pattern goes before an earlier one.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const suites = {
  quick: [file('unit/**/*'), ...LONG.map(not), ...FIRST.map(file)],
  integration: [file('integration/**/*'), ...LONG.map(file), ...FIRST.map(not)],
  attacks: [file('security/**/*'), ...FIRST.map(not)],
  all: [file('{unit,integration,security}/**/*')],
};
