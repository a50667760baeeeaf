import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

export default defineConfig(
  // The fixtures are code of other applications, compiled by their own settings.
  {
    ignores: [
      'dist/',
      'coverage/',
      'reports/',
      'reference/',
      'test/external/package/fixture/',
      'test/external/stacks/fixture/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      // `== null` asks for null and undefined at once.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      curly: ['error', 'multi-line'],
      'no-console': ['error', { allow: ['warn', 'error'] }],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    // The one tsconfig that sees everything, with the package's own name mapped to its sources: no build is needed.
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      // With emitDecoratorMetadata on, this rule knows which imports constructor injection needs at run time.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // A Nest module is a class of which its decorator is the whole.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Numbers print as what they are; other things in a template are usually a mistake.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // An environment variable set to nothing counts as not set: `||` says that, `??` does not.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      // A declaration file of our own for a package that has none that fits.
      '@typescript-eslint/triple-slash-reference': ['error', { path: 'always' }],
      // `return refuse(error);` leaves a callback at once, on one line.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Off, with reasons.
      // `noUncheckedIndexedAccess` demands it of bytes[0]! where the length was checked on the line above.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An `async` method without `await` keeps an interface's promise, and turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // Headers are taken off an object by a list of their names.
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'sample/**/*.ts', 'scripts/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // expect.any(String) and the like are typed `any`; HTTP answers come as `any` too. A wrong shape fails the test.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      // JSON files are read as the type that the reader names: readVectors<Vectors>().
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // Texts are taken apart to be tampered with, character by character; they are ASCII.
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['sample/public/**/*.js'],
    languageOptions: { globals: globals.browser },
  },
  // Last: switches off what Prettier decides.
  prettier,
  { rules: { curly: ['error', 'multi-line'] } },
);
