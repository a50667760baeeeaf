import { nodeEngine } from '../../crypto/node.js';
import { readText, writeText, type Tree } from './host.js';

const SECRETS = [
  { name: 'E2E_SECRET', why: 'Encrypts channels in the session store.' },
  { name: 'SESSION_SECRET', why: 'Signs the session cookie.' },
] as const;

/** Makes each secret that `.env` does not have, and has git ignore the file. */
export function addSecrets(tree: Tree): void {
  let env = readText(tree, '.env') ?? '';
  for (const { name, why } of SECRETS) env = withSecret(env, name, why);
  writeText(tree, '.env', env);

  const ignored = readText(tree, '.gitignore') ?? '';
  if (!ignoresEnv(ignored)) writeText(tree, '.gitignore', `${withEnd(ignored)}.env\n`);
}

/** A variable without a value counts as missing: it would be an empty secret, which the module does not accept. */
function withSecret(env: string, name: string, why: string): string {
  const line = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=(.*)$`, 'm');
  const value = line.exec(env)?.[1];
  const isSet = value !== undefined && !/^\s*(?:(["'`])\1\s*)?(?:#.*)?$/.test(value);
  if (isSet) return env;
  const secret = `${name}=${nodeEngine.encodeBase64url(nodeEngine.randomBytes(32))}`;
  return value === undefined ? `${withEnd(env)}# ${why}\n${secret}\n` : env.replace(line, secret);
}

/** Of the lines that name `.env` at the top, git obeys the last. */
function ignoresEnv(gitignore: string): boolean {
  const lines = gitignore.split(/\r?\n/).map((line) => line.trim());
  const last = lines.filter((line) => /^!?\/?(?:\*\*\/)?(?:\.env|\.env\*|\*\.env)$/.test(line)).at(-1);
  return last !== undefined && !last.startsWith('!');
}

/** So that a line can be added. */
function withEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
