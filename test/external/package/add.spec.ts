import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeBareApplication, makeFolder, pack, run, whileRunning, type Stack } from './application.js';

const STACKS: readonly Stack[] = [
  { nest: 11, modules: 'CommonJS', platform: 'express' },
  { nest: 11, modules: 'CommonJS', platform: 'fastify' },
  { nest: 12, modules: 'ES', platform: 'express' },
  { nest: 12, modules: 'ES', platform: 'fastify' },
];

const CHANGED = ['package.json', '.env', '.gitignore', 'src/app.module.ts', 'src/e2e.options.ts', 'src/main.ts'];

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  const tarball = await pack(folder);
  await Promise.all(STACKS.map((stack) => makeBareApplication(appOf(stack), stack, tarball)));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const appOf = ({ nest, platform }: Stack) => join(folder, `added-${nest}-${platform}`);
const readAll = (app: string) => CHANGED.map((file) => readFileSync(join(app, file), 'utf8'));

function change(app: string, file: string, edit: (text: string) => string): void {
  const before = readFileSync(join(app, file), 'utf8');
  const after = edit(before);
  expect(after).not.toBe(before);
  writeFileSync(join(app, file), after);
}

const nestAdd = (app: string) =>
  run(app, 'npx', '--no-install', 'nest', 'add', 'nestjs-e2e-encryption', '--skip-install');

describe.each(STACKS)('`nest add` in a Nest $nest application of $modules modules on $platform', (stack) => {
  it('makes an application that needs one decorator to answer sealed', async () => {
    const app = appOf(stack);
    const said = await nestAdd(app);
    expect(said).toContain('npx nestjs-e2e-encryption get :3000/');

    const once = readAll(app);
    await nestAdd(app);
    expect(readAll(app)).toEqual(once);

    change(app, 'src/app.controller.ts', (text) =>
      `import { Encrypted } from 'nestjs-e2e-encryption';\n${text}`.replace('@Controller', '@Encrypted()\n@Controller'),
    );
    await run(app, 'npm', 'run', 'build');
    const { answer, cookie } = await whileRunning(app, async (url) => ({
      answer: await run(app, 'npx', '--no-install', 'nestjs-e2e-encryption', 'get', url),
      cookie: await sessionCookie(url),
    }));
    expect(answer).toBe('Hello World!\n');
    expect(isSigned(cookie, /^SESSION_SECRET=(.*)$/m.exec(readFileSync(join(app, '.env'), 'utf8'))![1]!)).toBe(true);
  });
});

it.each([STACKS[0]!, STACKS[2]!])(
  'says what to add, and changes nothing, where the imports of the root module are not a list, on Nest $nest',
  async (stack) => {
    const app = appOf(stack);
    change(app, 'src/app.module.ts', (text) =>
      text
        .replace(/imports: (\[[^\]]*\])/, 'imports: everything')
        .replace("import { E2eModule } from 'nestjs-e2e-encryption';\n", ''),
    );
    rmSync(join(app, '.env'));
    // Nest 11's CLI ends with 0, whatever happened.
    const said = await run(
      app,
      'sh',
      '-c',
      `npx --no-install nest add nestjs-e2e-encryption --skip-install 2>&1; true`,
    );
    expect(said).toContain(
      'because the imports of AppModule are not an array literal. Add these lines to src/app.module.ts',
    );
    expect(said).not.toMatch(/^ {4}at /m);
    expect(existsSync(join(app, '.env'))).toBe(false);
  },
);

/** The cookie that a handshake sets. */
async function sessionCookie(url: string): Promise<string> {
  const { publicKey } = await crypto.subtle.generateKey('X25519', true, ['deriveBits']);
  const { kty, crv, x } = await crypto.subtle.exportKey('jwk', publicKey);
  const response = await fetch(`${url}/e2e/handshake`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ publicKey: { kty, crv, x } }),
  });
  return decodeURIComponent(/e2e\.sid=([^;]*)/.exec(response.headers.get('set-cookie')!)![1]!);
}

/** Whether the session's cookie was signed by this secret, as the packages cookie-signature and @fastify/session do. */
function isSigned(cookie: string, secret: string): boolean {
  const value = cookie.replace(/^s:/, '');
  const dot = value.lastIndexOf('.');
  const signature = createHmac('sha256', secret).update(value.slice(0, dot)).digest('base64').replace(/=+$/, '');
  return value.slice(dot + 1) === signature;
}
