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

const BESIDE_FACTORY = 'It stands beside useFactory, and not in what that gives: it is needed before any factory runs.';

/** What to do about names that are right at another place, or were options once. */
const HINTS: Readonly<Record<string, string>> = {
  path: BESIDE_FACTORY,
  decorators: BESIDE_FACTORY,
  isGlobal: BESIDE_FACTORY,
  guard:
    "Remove it: messages are always opened before the application's guards, whose exceptions would otherwise leave in the clear.",
};

/** What `forRootAsync` takes beside them. */
const ASYNC_NAMES = ['imports', 'inject', 'provideInjectionTokensFrom', 'useFactory', 'useClass', 'useExisting'];

/** @throws TypeError as `checkOptions` does. */
export function checkExtras({ path, decorators, isGlobal }: E2eExtras): Required<E2eExtras> {
  checkMembers({ path, decorators, isGlobal }, EXTRA_RULES);
  return { path: trimSlashes(path ?? 'e2e'), decorators: decorators ?? [], isGlobal: isGlobal ?? true };
}

/** Checks what stands in `forRootAsync({ … })`. @throws TypeError likewise. */
export function checkAsync(given: object): void {
  const misplaced = Object.keys(given).find((name) => Object.hasOwn(RULES, name));
  if (misplaced !== undefined) {
    throw new TypeError(
      `E2eModule: forRootAsync() takes "${misplaced}" from what useFactory gives, and not beside it.`,
    );
  }
  refuseUnknown(given, [...ASYNC_NAMES, ...Object.keys(EXTRA_RULES)]);
  if (!['useFactory', 'useClass', 'useExisting'].some((name) => member(given, name) !== undefined)) {
    throw new TypeError('E2eModule: forRootAsync() needs useFactory, useClass or useExisting.');
  }
}

/**
 * Checks what the application gave as options, as a whole and each of them.
 *
 * @throws TypeError that names the option, what it takes, the shape of what it got, and what to do.
 */
export function checkOptions(given: unknown): E2eOptions {
  const options = asOptions(given);
  checkMembers(options, RULES);
  const { session, keyPool = {}, sealedHeaders = {}, channelStore, allowPlainJwe } = options;
  checkMembers(keyPool, KEY_POOL_RULES, 'keyPool.');
  checkMembers(sealedHeaders, SEALED_HEADERS_RULES, 'sealedHeaders.');
  if (isObject(session)) {
    checkMembers(session, SESSION_RULES, 'session.');
    // Named and not there, it is an environment variable that is not set.
    if ('secret' in session && session.secret === undefined) refuse('session.secret', SESSION_RULES.secret, undefined);
  }
  if (channelStore && session !== 'channel') {
    throw wrong('channelStore', "a store only beside session: 'channel'; otherwise put it into session: { store }");
  }
  // Without a session only a `dir` message tells who sent it.
  if (allowPlainJwe && session === 'channel') throw wrong('allowPlainJwe', "only false beside session: 'channel'");
  return options;
}

/** @throws TypeError where these can be no options at all: a promise of them has no option that is set. */
export function asOptions(given: unknown): E2eOptions & E2eExtras {
  if (isObject(given) && member(given, 'then') === undefined) return given;
  throw new TypeError(`E2eModule: the options are an object, and not ${shapeOf(given)}.`);
}

/** Checks names and values; `undefined` is as if it were not there. */
function checkMembers(options: object, rules: Readonly<Record<string, Rule>>, prefix = ''): void {
  refuseUnknown(options, Object.keys(rules), prefix);
  for (const [name, rule] of Object.entries(rules)) {
    const value = member(options, name);
    if (value !== undefined && !rule.holds(value)) refuse(prefix + name, rule, value);
  }
}

/** A misspelt option would be one that is not set. */
export function refuseUnknown(options: object, known: readonly string[], prefix = ''): void {
  const name = Object.keys(options).find((each) => !known.includes(each));
  if (name === undefined) return;
  const near = closest(name, known);
  const hint = HINTS[prefix + name] ?? (near === undefined ? '' : `Did you mean "${prefix}${near}"?`);
  throw new TypeError(`E2eModule: there is no option "${prefix}${name}". ${hint}`.trimEnd());
}

function refuse(name: string, { takes, fix, secret }: Rule, value: unknown): never {
  throw wrong(name, `${takes}, and got ${shapeOf(value, secret)}`, fix?.(value));
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

/** For keys that look like keys, and cannot be read as what they must be. */
function wrongIdentityKey(keys: readonly unknown[]): TypeError {
  const { takes, fix } = RULES.identityKey;
  return wrong('identityKey', `${takes}, and got ${shapeOf(keys.length === 1 ? keys[0] : keys, true)}`, fix?.(keys));
}

/** The error for an option that is not what it must be. */
export function wrong(option: string, takes: string, fix?: string): TypeError {
  return new TypeError(`E2eModule: the option "${option}" takes ${takes}.${fix === undefined ? '' : ` ${fix}`}`);
}
