// One configuration for all suites. The plain ones need nothing but Node: test/suites.mjs divides them. Those in
// test/external need a build, Chromium, Redis, nginx or a network. All but the quick one are asked for by name
// (npm run test:attacks, test:browser, …).
import { availableParallelism } from 'node:os';
import { suites } from './test/suites.mjs';

/** A file named on the command line runs, whichever of the plain suites it is in. */
const isNamed = process.argv.slice(2).some((argument) => /\btest\/|\bspec\b/.test(argument));
const suite = process.env.SUITE;
const plain = suites[suite ?? (isNamed ? 'all' : 'quick')];

/**
 * The integration tests whose subject is what Nest does run once more, on the Nest release before, which
 * `npm run test:nest11` installs there. Sessions, keys, clocks and the client are the same code, whatever calls it.
 */
const isNest11 = suite === 'nest11';
const NEST11 = '<rootDir>/node_modules/.cache/nest11/node_modules';
export const NEST_DEPENDS = [
  '{parity,module,streams,sockets,socket.io,nest-axios}/*',
  'e2e/{early-*,ended,errors,events,fallthrough,fastify-*,gone-clients,http,key-service,login,options,order,query}',
  'e2e/{refusals,results,session,streams}',
];
const testMatch = isNest11
  ? NEST_DEPENDS.map((name) => `<rootDir>/test/integration/${name}.spec.ts`)
  : (plain ?? [`<rootDir>/test/external/${suite}/**/*.spec.ts`]);

/**
 * Many of the plain tests wait for most of their time, so a few cores take two each. In CI other suites run beside
 * them. A browser takes more than one core by itself.
 */
function workers() {
  if (suite === 'browser') return 1;
  const cores = availableParallelism();
  return !plain || process.env.CI || cores > 4 ? cores : 2 * cores;
}

/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch,
  testPathIgnorePatterns: [
    '/node_modules/',
    '/dist/',
    // What Apollo, gateways and the parsers that an application names do is not the same there, plain either.
    ...(isNest11 ? ['(module/graphql|module/websockets|socket\\.io/ends)\\.spec\\.ts$'] : []),
  ],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  moduleNameMapper: {
    ...(isNest11 && {
      '^(@nestjs/[^/]+|rxjs|reflect-metadata|class-validator|class-transformer|passport)($|/.*)': `${NEST11}/$1$2`,
    }),
    // Of mercurius' @fastify/static: jest loads no ES module by require() on Node 20, and the older version is
    // CommonJS.
    '^content-disposition$': '<rootDir>/node_modules/content-disposition',
    '^nestjs-e2e-encryption$': '<rootDir>/src/index.ts',
    '^nestjs-e2e-encryption/([\\w.-]+)$': '<rootDir>/src/$1/index.ts',
    // The sources name their neighbours with `.js`, as ES modules must; under jest they are still `.ts`.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '<rootDir>/test/support/transform.mjs',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  setupFiles: ['<rootDir>/test/support/keep-alive.mjs'],
  maxWorkers: workers(),
  // What the module registry of each file leaves behind is never freed: at 3 GB, a worker spends a quarter of its time on
  // collecting garbage, and stops for a second at a time. A new worker takes two seconds. One alone is no worker at all.
  ...(workers() > 1 && { workerIdleMemoryLimit: '1GB' }),
  // Far more than any test takes: it ends what hangs, on a machine of any speed. Those outside install and build.
  testTimeout: plain ? 300_000 : 900_000,
  // What scripts/ci/coverage.mjs adds up.
  ...(process.env.COVERAGE &&
    plain && {
      collectCoverage: true,
      // Counters in the code: counting by V8 makes tests half as long again.
      coverageProvider: 'babel',
      coverageReporters: ['json'],
      coverageDirectory: `reports/coverage/${suite ?? 'quick'}`,
      collectCoverageFrom: ['src/{nest,channel,protocol,crypto,client}/**/*.ts', '!**/*.d.ts'],
    }),
  // What .ci/run counts from.
  ...(process.env.CI && { reporters: ['default', '<rootDir>/scripts/ci/ci-reporter.mjs'] }),
};
