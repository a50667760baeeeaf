import { IdentityKeys, type IdentityKeyInput } from '../../channel/identity.js';
import { nodeEngine } from '../../crypto/node.js';
import type { E2eExtras, E2eOptions } from './e2e.options.js';
import {
  EXTRA_RULES,
  isObject,
  KEY_POOL_RULES,
  member,
  RULES,
  SEALED_HEADERS_RULES,
  SESSION_RULES,
  trimSlashes,
  type Rule,
} from './option-rules.js';
import { closest, shapeOf } from './option-shape.js';

const BESIDE_FACTORY = 'Put it beside useFactory, not into its result: it is needed before any factory runs.';

/** What to do about names that belong elsewhere, or that were options in the past. */
const HINTS: Readonly<Record<string, string>> = {
  path: BESIDE_FACTORY,
  decorators: BESIDE_FACTORY,
  isGlobal: BESIDE_FACTORY,
  guard:
    "Remove it: messages are always opened before the application's guards run. Otherwise the guards' exceptions would leave in the clear.",
};

/** Options whose absence is a weaker protection, and stops nothing else. */
const PROTECTIONS = [
  'identityKey',
  'deviceBinding',
  'keyKinds',
  'encryptByDefault',
  'sealedPaths',
  'sealedHeaders',
  'padding',
] as const;

/** The other members of `forRootAsync({ … })`. */
const ASYNC_NAMES = ['imports', 'inject', 'provideInjectionTokensFrom', 'useFactory', 'useClass', 'useExisting'];

/** @throws TypeError as `checkOptions` does. */
export function checkExtras({ path, decorators, isGlobal }: E2eExtras): Required<E2eExtras> {
  checkMembers({ path, decorators, isGlobal }, EXTRA_RULES);
  return { path: trimSlashes(path ?? 'e2e'), decorators: decorators ?? [], isGlobal: isGlobal ?? true };
}

/** Checks the members of `forRootAsync({ … })`. @throws TypeError likewise. */
export function checkAsync(given: object): void {
  const misplaced = Object.keys(given).find((name) => Object.hasOwn(RULES, name));
  if (misplaced !== undefined) {
    throw new TypeError(
      `E2eModule: forRootAsync() must not have "${misplaced}" beside useFactory. Return it from useFactory.`,
    );
  }
  refuseUnknown(given, [...ASYNC_NAMES, ...Object.keys(EXTRA_RULES)]);
  if (!['useFactory', 'useClass', 'useExisting'].some((name) => member(given, name) !== undefined)) {
    throw new TypeError('E2eModule: forRootAsync() needs useFactory, useClass or useExisting.');
  }
}

/**
 * Checks the application's options.
 *
 * @throws TypeError that names the option, what it must be, the shape of the received value, and what to do.
 */
export function checkOptions(given: unknown): E2eOptions {
  const options = asOptions(given);
  checkMembers(options, RULES);
  refuseLostProtection(options);
  const { session, keyPool = {}, sealedHeaders = {}, channelStore, allowPlainJwe } = options;
  checkMembers(keyPool, KEY_POOL_RULES, 'keyPool.');
  checkMembers(sealedHeaders, SEALED_HEADERS_RULES, 'sealedHeaders.');
  if (isObject(session)) {
    checkMembers(session, SESSION_RULES, 'session.');
    // `secret: undefined` means that an environment variable is not set.
    if ('secret' in session && session.secret === undefined) refuse('session.secret', SESSION_RULES.secret, undefined);
  }
  if (channelStore && session !== 'channel') {
    throw wrong('channelStore', "left out unless session is 'channel'. Put the store into session: { store }");
  }
  // Without a session, only a `dir` message proves its sender.
  if (allowPlainJwe && session === 'channel') throw wrong('allowPlainJwe', "false if session is 'channel'");
  return options;
}

/** @throws TypeError if this is not an options object. A promise is an object too, but has no options. */
export function asOptions(given: unknown): E2eOptions & E2eExtras {
  if (isObject(given) && member(given, 'then') === undefined) return given;
  throw new TypeError(`E2eModule: the options must be an object; received ${shapeOf(given)}.`);
}

/** Checks names and values. `undefined` means that the option is not set. */
function checkMembers(options: object, rules: Readonly<Record<string, Rule>>, prefix = ''): void {
  refuseUnknown(options, Object.keys(rules), prefix);
  checkValues(options, rules, { prefix });
}

/**
 * Checks the values of known options, and no others.
 *
 * @param owner of the options, as the error names it.
 * @throws TypeError as `checkOptions` does.
 */
export function checkValues(
  options: object,
  rules: Readonly<Record<string, Rule>>,
  { prefix = '', owner = 'E2eModule' }: { readonly prefix?: string; readonly owner?: string },
): void {
  for (const [name, rule] of Object.entries(rules)) {
    const value = member(options, name);
    if (value !== undefined && !rule.holds(value)) refuse(prefix + name, rule, value, owner);
  }
}

/** In production, an environment variable that is missing must not turn a protection off. */
function refuseLostProtection(options: E2eOptions): void {
  if (process.env.NODE_ENV !== 'production') return;
  const lost = PROTECTIONS.find((name) => name in options && options[name] === undefined);
  if (lost === undefined) return;
  throw wrong(
    lost,
    'set or left out if NODE_ENV is "production"; received undefined',
    'Is an environment variable missing?',
  );
}

/** Rejects unknown names: a misspelled option would silently not be set. */
export function refuseUnknown(options: object, known: readonly string[], prefix = ''): void {
  const name = Object.keys(options).find((each) => !known.includes(each));
  if (name === undefined) return;
  const near = closest(name, known);
  const hint = HINTS[prefix + name] ?? (near === undefined ? '' : `Did you mean "${prefix}${near}"?`);
  throw new TypeError(`E2eModule: unknown option "${prefix}${name}". ${hint}`.trimEnd());
}

function refuse(name: string, { mustBe, fix, secret }: Rule, value: unknown, owner?: string): never {
  throw wrong(name, `${mustBe}; received ${shapeOf(value, secret)}`, fix?.(value), owner);
}

/** @throws TypeError */
export function readIdentityKeys(keys: readonly IdentityKeyInput[]): IdentityKeys {
  try {
    return new IdentityKeys(nodeEngine, keys);
  } catch {
    // The cause may quote its input.
    throw wrongIdentityKey(keys);
  }
}

/** For keys that look like keys but cannot be read. */
function wrongIdentityKey(keys: readonly unknown[]): TypeError {
  const { mustBe, fix } = RULES.identityKey;
  return wrong('identityKey', `${mustBe}; received ${shapeOf(keys.length === 1 ? keys[0] : keys, true)}`, fix?.(keys));
}

/** The error for an option with a wrong value. */
export function wrong(option: string, mustBe: string, fix?: string, owner = 'E2eModule'): TypeError {
  return new TypeError(`${owner}: the option "${option}" must be ${mustBe}.${fix === undefined ? '' : ` ${fix}`}`);
}
