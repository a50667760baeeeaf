import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { codeBlocks, type CodeBlock } from '../../support/markdown.js';
import { environment, listens, makeFolder, pack, ROOT } from './application.js';
import { freePort } from '../../support/free-port.js';

const PAGE = readFileSync(join(ROOT, 'docs/getting-started.md'), 'utf8');
const PORT_OF_THE_PAGE = '3000';

/** What the page says in prose is to be changed in the test, on Fastify. */
const ON_FASTIFY = {
  import: /import `FastifyAdapter` from `@nestjs\/platform-fastify`/,
  call: 'testing.createNestApplication(new FastifyAdapter())',
};

/** A newcomer in an empty folder, who does what the page says, block by block and line by line. */
class Newcomer {
  #folder = makeFolder();
  readonly #home = this.#folder;
  #server: ChildProcess | undefined;
  #printed = '';

  private constructor(
    private readonly tarball: string,
    private readonly port: number,
  ) {}

  static async inEmptyFolder(tarball: string): Promise<Newcomer> {
    return new Newcomer(tarball, await freePort());
  }

  async follow({ language, code, file }: CodeBlock): Promise<void> {
    if (file !== undefined) this.write(file, code);
    else if (language === 'text') expectLines(this.#printed, code);
    else await this.#typeAll(code, language);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.#folder, file)), { recursive: true });
    writeFileSync(join(this.#folder, file), this.#onOwnPort(text));
  }

  leave(): void {
    // The whole group: npm starts Nest's command line, which starts the application.
    if (this.#server?.exitCode === null) process.kill(-this.#server.pid!);
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 3 });
  }

  async #typeAll(code: string, language: string): Promise<void> {
    expect(language).toBe('sh');
    this.#printed = '';
    for (const line of code.trimEnd().split('\n')) await this.#type(line);
  }

  async #type(line: string): Promise<void> {
    if (line.startsWith('cd ')) this.#folder = join(this.#folder, line.slice(3));
    else if (line === 'npm start') await this.#start(line);
    else await this.#run(this.#onOwnPort(this.#fromTarball(line)));
  }

  /** The package is not at the registry, from which `nest add` would install it. */
  #fromTarball(line: string): string {
    const add = 'npx nest add nestjs-e2e-encryption';
    return line === add ? `npm install ${this.tarball} && ${add} --skip-install` : line;
  }

  /** Several newcomers are at it at once, and something else may have the port that the page names. */
  #onOwnPort(text: string): string {
    return text.replaceAll(`:${PORT_OF_THE_PAGE}`, `:${this.port}`);
  }

  async #run(command: string): Promise<void> {
    const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>(
      (done) =>
        execFile('sh', ['-c', command], { ...this.#terminal(), maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
          done({ error, stdout, stderr }),
        ).stdin!.end(),
    );
    if (error) throw new Error(`${command} failed:\n${stdout}\n${stderr}`, { cause: error });
    this.#printed += stdout;
  }

  async #start(command: string): Promise<void> {
    const server = spawn(command, { ...this.#terminal(), shell: true, detached: true });
    this.#server = server;
    server.stdout.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()));
    server.stderr.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()));
    await listens(`http://localhost:${this.port}`, server, () => this.#printed);
  }

  #terminal() {
    // With the answer to npx, which asks whether to install what it is to run; and sparing with the registry.
    const npm = { npm_config_yes: 'true', npm_config_prefer_offline: 'true', npm_config_audit: 'false' };
    return { cwd: this.#folder, env: { ...environment(), ...npm, PORT: String(this.port) } };
  }
}

/** Every line of `wanted` stands somewhere in what was printed. */
function expectLines(printed: string, wanted: string): void {
  for (const line of wanted.trimEnd().split('\n')) expect(printed).toContain(line);
}

let folder: string;
let tarball: string;
let newcomer: Newcomer | undefined;

beforeAll(async () => {
  folder = makeFolder();
  tarball = await pack(folder);
});

afterEach(() => newcomer?.leave());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('docs/getting-started.md, word for word', () => {
  it.each(['Express', 'Fastify'])(
    'leads from an empty folder to a sealed call and a test of it, on %s',
    async (platform) => {
      newcomer = await Newcomer.inEmptyFolder(tarball);
      for (const block of codeBlocks(PAGE)) {
        if (platform === 'Express' && block.heading === 'On Fastify') continue;
        await newcomer.follow(platform === 'Fastify' ? onFastify(block) : block);
      }
    },
  );
});

/** The test of the page, changed as the page says it is to be on Fastify. */
function onFastify(block: CodeBlock): CodeBlock {
  if (!block.file?.startsWith('test/')) return block;
  expect(PAGE).toMatch(ON_FASTIFY.import);
  expect(PAGE).toContain(ON_FASTIFY.call);
  const changed = block.code.replace('testing.createNestApplication()', ON_FASTIFY.call);
  expect(changed).not.toBe(block.code);
  return { ...block, code: `import { FastifyAdapter } from '@nestjs/platform-fastify';\n${changed}` };
}
