import { posix } from 'node:path';
import { ManualStep, readText, writeText, type Rule, type Tree } from './host.js';
import { findRootModule, hasE2eModule, withImport, type RootModule } from './root-module.js';
import { addSecrets } from './secrets.js';
import { loadTypeScript, type TypeScript } from './typescript.js';

const PACKAGE = 'nestjs-e2e-encryption';
const ELEMENT = 'E2eModule.forRoot(e2eOptions)';
const OPTIONS_FILE = 'e2e.options';

const OPTIONS = `import { existsSync } from 'node:fs';
import type { E2eOptions } from '${PACKAGE}';

// In development the secrets are in .env, which git ignores. A variable that is set already keeps its value.
if (existsSync('.env')) process.loadEnvFile('.env');

export const e2eOptions: E2eOptions = {
  // Encrypts channels in the session store.
  secret: process.env.E2E_SECRET,
  // Signs the session cookie. It has no effect if the application has a session of its own.
  session: { secret: process.env.SESSION_SECRET },
};
`;

/** What the module needs on Fastify to install its session. */
const ON_FASTIFY = { '@fastify/cookie': '^11.0.0', '@fastify/session': '^11.0.0' } as const;

/**
 * `nest add nestjs-e2e-encryption`: adds `E2eModule` to the root module, and makes the secrets. Run twice, it changes
 * nothing the second time. @throws {ManualStep} where it cannot change the root module safely; then nothing is changed
 */
export function add({ sourceRoot = 'src' }: { readonly sourceRoot?: string } = {}): Rule {
  return (tree, context) => {
    const typescript = loadTypeScript();
    if (!typescript) throw byHand('neither this folder nor its @nestjs/cli has a TypeScript with a compiler API');
    const root = findRootModule(typescript, tree, sourceRoot);
    if (typeof root === 'string') throw byHand(root);

    if (!hasE2eModule(typescript, root)) addModule(typescript, tree, sourceRoot, root);
    addSecrets(tree);
    const manager = packageManagerOf(tree);
    if (root.isOnFastify && addPackages(tree)) {
      const options = { command: 'install', packageManager: manager.name };
      context.addTask({ toConfiguration: () => ({ name: 'node-package', options }) });
    }
    context.logger.info(nextSteps(manager));
  };
}

function addModule(typescript: TypeScript, tree: Tree, sourceRoot: string, root: RootModule): void {
  const optionsFile = posix.join(sourceRoot, OPTIONS_FILE);
  const from = posix.relative(posix.dirname(root.path), optionsFile);
  const specifier = from.startsWith('.') ? from : `./${from}`;
  const edited = withImport(
    typescript,
    root,
    ELEMENT,
    (quote, suffix) => [
      `import { E2eModule } from ${quote}${PACKAGE}${quote};`,
      `import { e2eOptions } from ${quote}${specifier}${suffix}${quote};`,
    ],
    manifestOf(tree).type === 'module',
  );
  if (typeof edited === 'string') throw byHand(edited, root.path);
  writeText(tree, root.path, edited.text);
  if (!tree.exists(`${optionsFile}.ts`)) tree.create(`${optionsFile}.ts`, OPTIONS);
}

interface Manifest {
  readonly type?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function manifestOf(tree: Tree): Manifest {
  return JSON.parse(readText(tree, 'package.json') ?? '{}') as Manifest;
}

/** Adds what is missing to `package.json`; whether anything was. */
function addPackages(tree: Tree): boolean {
  const manifest = manifestOf(tree);
  const dependencies = { ...ON_FASTIFY, ...manifest.dependencies };
  const isChanged = Object.keys(dependencies).length > Object.keys(manifest.dependencies ?? {}).length;
  if (isChanged) writeText(tree, 'package.json', `${JSON.stringify({ ...manifest, dependencies }, undefined, 2)}\n`);
  return isChanged;
}

function byHand(why: string, path = 'the root module'): ManualStep {
  return new ManualStep(`nest add ${PACKAGE} changed nothing, because ${why}. Add these lines to ${path}:

  import { E2eModule } from '${PACKAGE}';

  E2eModule.forRoot({                                    // in the imports of @Module()
    secret: process.env.E2E_SECRET,
    session: { secret: process.env.SESSION_SECRET },
  }),

Make each of the two secrets with the following command, put them into .env, and .env into .gitignore:

  node -p "require('crypto').randomBytes(32).toString('base64url')"

On Fastify, the module also needs: npm install @fastify/cookie @fastify/session`);
}

interface PackageManager {
  readonly name: string;
  readonly start: string;
  /** Runs a command of an installed package. */
  readonly exec: string;
}

function packageManagerOf(tree: Tree): PackageManager {
  if (tree.exists('pnpm-lock.yaml')) return { name: 'pnpm', start: 'pnpm start', exec: 'pnpm exec' };
  if (tree.exists('yarn.lock')) return { name: 'yarn', start: 'yarn start', exec: 'yarn run' };
  return { name: 'npm', start: 'npm start', exec: 'npx' };
}

function nextSteps({ start, exec }: PackageManager): string {
  return `E2eModule is in the root module, and the secrets are in .env. Next, seal a controller, start, and call it:

  @Encrypted()      above the class of a controller; import it from '${PACKAGE}'
  ${start}
  ${exec} ${PACKAGE} get :3000/

Keep the secrets to yourself. A schematic can neither set the mode of a file nor ask git, so please do both:

  chmod 600 .env
  git ls-files .env    if it prints .env, git tracks the file: run git rm --cached .env, and replace its secrets
`;
}
