import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { readConformance } from '../../../src/cli/conformance/conformance.js';
import { helpOf, isCall } from '../../../src/cli/help.js';
import { run } from '../../../src/cli/main.js';
import { readDoctor } from '../../../src/cli/doctor/doctor.js';
import { readCall, readConnection } from '../../../src/cli/request.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import { E2eModule } from '../../../src/index.js';
import { codeBlocks, type CodeBlock } from '../../support/markdown.js';

// What the pages show that is no TypeScript. `docs.spec.ts` compiles that; the suite of the package walks the way of
// "getting started".

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

const blocks = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  .filter((path) => path.endsWith('.md') && path !== 'docs/getting-started.md')
  .flatMap((path) =>
    codeBlocks(read(path)).map((block): [string, CodeBlock] => [`${path}, line ${block.line}`, block]),
  );
const blocksOf = (language: string) => blocks.filter(([, block]) => block.language === language);

const commands = blocksOf('sh').flatMap(([place, { code }]) =>
  code
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .flatMap((line) => line.split(' && '))
    .map((line): [string, string] => [line, place]),
);

const terminal: Terminal = {
  out: () => undefined,
  err: (text) => expect(text).toBe(''),
  input: async function* () {
    // nothing
  },
  isTerminal: { out: false, err: false },
  colours: false,
  columns: 80,
};

/** What a shell would make of it: words, of which some are in quotes. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

/** Whether a command of the pages is understood by what it calls. */
async function isUnderstood(line: string): Promise<boolean> {
  const [program = '', ...args] = words(line).filter((word) => !/^[A-Z_0-9]+=/.test(word));
  if (program === 'npm') return isNpm(args);
  if (program === 'npx' && args[0] === 'nestjs-e2e-encryption') return isOurs(args.slice(1));
  if (program === 'npx' && args[0] === 'nest') return isNestAdd(args.slice(1));
  if (program === 'npx' && args[0] === 'expo') return args[1] === 'install';
  if (program === 'node') return args.every((arg) => !arg.startsWith('node_modules/') || existsSync(join(ROOT, arg)));
  // Programs of others', and a shell's own words.
  return ['', 'curl', 'export', 'redis-server', 'redis-cli', 'jest'].includes(program);
}

function isNpm([command = '', name = '', ...rest]: string[]): boolean {
  if (['ci', 'cit', 'install'].includes(command)) return true;
  if (command === 'start' || command === 'test') return command in scripts;
  if (command !== 'run' || !scripts[name]) return false;
  const source = /scripts\/[\w/-]+\.mjs/.exec(scripts[name])?.[0];
  const flags = rest.filter((word) => /^--\w/.test(word)).map((word) => word.slice(2).split('=')[0]!);
  return flags.every((flag) => source !== undefined && new RegExp(`\\b${flag}\\b`).test(read(source)));
}

/** Nest's CLI takes the package's own name, and looks for the schematic where package.json says. */
function isNestAdd(args: string[]): boolean {
  const { name, schematics } = JSON.parse(read('package.json')) as { name: string; schematics: string };
  const collection = JSON.parse(read(schematics)) as { schematics: object };
  return args.join(' ') === `add ${name}` && 'nest-add' in collection.schematics;
}

async function isOurs([command = '', ...args]: string[]): Promise<boolean> {
  if (isCall(command)) {
    // Read, and not sent. A file of the reader's own is not here.
    const own = args.map((arg) => (arg.startsWith('@') ? '{}' : arg.replace(/=@[^;]+/, '=@package.json')));
    return (await readCall(command.toUpperCase(), own, terminal)).method === command.toUpperCase();
  }
  // Read, and not opened.
  if (command === 'doctor') return readDoctor(args).request.timeout > 0;
  if (command === 'connect') return readConnection(args).url.protocol === 'http:';
  if (command === 'conformance') return readConformance(args).timeout > 0;
  if (command === 'inspect') return helpOf('inspect').includes('inspect');
  return (await run([command, ...args], terminal)) === 0;
}

describe('what the documentation shows beside TypeScript', () => {
  it.each(commands)('%s is understood (%s)', async (line) => {
    expect([line, await isUnderstood(line)]).toEqual([line, true]);
  });

  it.each([
    ['npm run nothing'],
    ['npm run bench -- --slow'],
    ['npx nestjs-e2e-encryption post'],
    ['npx nestjs-e2e-encryption get :3000/ --identity-keys x'],
  ])('would not get away with %s', async (line) => {
    expect(await isUnderstood(line).catch(() => false)).toBe(false);
  });

  it('is JSON where it says so, in import maps and in HTTP bodies, too', () => {
    const texts = [
      ...blocksOf('json').map(([, { code }]) => code),
      ...blocksOf('html').map(([, { code }]) => /<script type="importmap">([^]*?)<\/script>/.exec(code)![1]!),
      ...blocksOf('http').map(([, { code }]) => code.slice(code.indexOf('\n\n')).replace(/,\s*…\s*/g, '')),
    ];
    expect(texts.length).toBeGreaterThanOrEqual(4);
    for (const text of texts) expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  it('quotes the error for a wrong option as it is', async () => {
    const [, { code }] = blocksOf('text').find(([place]) => place.startsWith('docs/options.md'))!;
    const module = Test.createTestingModule({ imports: [E2eModule.forRoot({ channelTtl: '3600' as never })] });
    await expect(module.compile()).rejects.toThrow(code.trim().replace(/\s+/g, ' '));
  });

  it('has no kind of block that nobody looks at', () => {
    // nginx's are run by test/external/nginx, and files of other languages by test/external/stacks.
    const known = ['ts', 'sh', 'json', 'html', 'http', 'text', 'mermaid', 'nginx'];
    // Expo's packages are not installed here, so nothing compiles the code of that page.
    const isExpo = (place: string) => place.startsWith('docs/react-native.md');
    const isBuilt = ({ language, file }: CodeBlock) => file !== undefined && ['js', 'tsx', 'vue'].includes(language);
    expect(
      blocks
        .filter(([place, block]) => !known.includes(block.language) && !isBuilt(block) && !isExpo(place))
        .map(([place]) => place),
    ).toEqual([]);
  });
});
