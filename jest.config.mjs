// One configuration for all suites. The plain one needs nothing but Node; those in test/external need a build, Chromium,
// Redis, nginx or a network, and are asked for by name (npm run test:browser, …).
const suite = process.env.SUITE;

/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: suite ? [`<rootDir>/test/external/${suite}/**/*.spec.ts`] : ['<rootDir>/test/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', ...(suite ? [] : ['<rootDir>/test/external/'])],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  moduleNameMapper: {
    '^nestjs-e2e-encryption$': '<rootDir>/src/index.ts',
    '^nestjs-e2e-encryption/(\\w+)$': '<rootDir>/src/$1/index.ts',
    // The sources name their neighbours with `.js`, as ES modules must; under jest they are still `.ts`.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
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
  // Jest leaves one core idle, which on two is half of them. A browser takes more than one by itself.
  maxWorkers: suite === 'browser' ? 1 : '100%',
  // Far more than any test takes: it ends what hangs, on a machine of any speed.
  testTimeout: 120_000,
  // What .ci/run counts from.
  ...(process.env.CI && { reporters: ['default', '<rootDir>/scripts/ci/ci-reporter.mjs'] }),
};
