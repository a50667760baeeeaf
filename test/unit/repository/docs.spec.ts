import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { PROBLEMS } from '../../../src/protocol/problem.js';
import { examplesIn, moduleOf, publicNames } from '../../support/examples.js';
import { anchors, codeBlocks, firstColumn, links } from '../../support/markdown.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const pages = new Map(
  [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
  ]
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]),
);

/** TypeScript's complaints about sources that are only in memory, each at the place its path says. */
function typeCheck(sources: ReadonlyMap<string, string>): string[] {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(ROOT, 'tsconfig.json'),
    { noEmit: true },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
      },
    },
  )!;
  const disk = ts.createCompilerHost(config.options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => sources.has(path) || disk.fileExists(path),
    readFile: (path) => sources.get(path) ?? disk.readFile(path),
    getSourceFile: (path, options, ...rest) => {
      const text = sources.get(path);
      return text === undefined ? disk.getSourceFile(path, options, ...rest) : ts.createSourceFile(path, text, options);
    },
  };
  const program = ts.createProgram([...sources.keys()], config.options, host);
  return [...sources.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)!;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ start = 0, messageText }) => {
        const line = file.text.slice(0, start).split('\n').length;
        return `${relative(ROOT, path)}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      },
    );
  });
}

/**
 * Each block as a module of its own, beside its page, so that a line of a complaint is a line of the page. What a page
 * names a file of an application is left out: test/external/package/walk.spec.ts builds and runs the application.
 */
function modulesOf(path: string, markdown: string): [string, string][] {
  return codeBlocks(markdown)
    .filter(({ language, file }) => language === 'ts' && file === undefined)
    .map(({ code, prelude, line }) => [
      join(ROOT, dirname(path), `${path.replace(/\W/g, '_')}_${line}.ts`),
      // The prelude and what makes it a module stand on the fence's own line.
      `${'\n'.repeat(line - 1)}export {}; ${prelude.replaceAll('\n', ' ')}\n${code}`,
    ]);
}

/** Each `@example` of the sources as a module of its own, beside its source. */
function exampleModules(): [string, string][] {
  const names = publicNames(ROOT);
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) =>
      examplesIn(readFileSync(join(ROOT, 'src', path), 'utf8')).map((example): [string, string] => [
        join(ROOT, 'src', dirname(path), `${path.replace(/\W/g, '_')}_${example.line}.ts`),
        moduleOf(example, names),
      ]),
    );
}

/** The names of an interface's members, as its source declares them. */
function membersOf(path: string, name: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(join(ROOT, path), 'utf8'), ts.ScriptTarget.Latest);
  const found = source.statements.find((each) => ts.isInterfaceDeclaration(each) && each.name.text === name);
  if (!found) throw new Error(`${path} has no interface ${name}`);
  return (found as ts.InterfaceDeclaration).members.map((member) => (member.name as ts.Identifier).text);
}

describe('the documentation', () => {
  it('holds only TypeScript that compiles, and so do the @examples of the sources', () => {
    const examples = exampleModules();
    expect(examples.length).toBeGreaterThan(30);
    const sources = new Map([...[...pages].flatMap(([path, markdown]) => modulesOf(path, markdown)), ...examples]);
    expect(typeCheck(sources)).toEqual([]);
  });

  it('would not get away with code that does not compile', () => {
    const page =
      "# x\n\n```ts\nimport { E2eModule } from 'nestjs-e2e-encryption';\nE2eModule.forRoot({ chanelTtl: 60 });\n```\n";
    expect(typeCheck(new Map(modulesOf('docs/x.md', page)))).toEqual([expect.stringMatching(/line 5: .*chanelTtl/)]);
  });

  it('has an @example for every function, class and decorator of every entry', () => {
    const names = publicNames(ROOT);
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter(({ hasExample }) => !hasExample)).toEqual([]);
  });

  it('links to pages and headings that exist', () => {
    const broken = [...pages].flatMap(([path, markdown]) =>
      links(markdown)
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => {
          const [file = '', anchor] = target.split('#');
          const page = file === '' ? path : join(dirname(path), file);
          if (!existsSync(join(ROOT, page))) return true;
          return anchor !== undefined && !anchors(readFileSync(join(ROOT, page), 'utf8')).includes(anchor);
        })
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it.each([
    [
      'docs/options.md',
      'option',
      [
        ['src/nest/options/e2e.options.ts', 'E2eOptions'],
        ['src/nest/options/e2e.options.ts', 'E2eExtras'],
      ],
    ],
    ['docs/client.md', 'option', [['src/client/options.ts', 'E2eClientOptions']]],
  ])('lists in the table of %s every option that there is', (path, title, interfaces) => {
    const declared = interfaces.flatMap(([source, name]) => membersOf(source!, name!));
    expect(declared.length).toBeGreaterThan(5);
    expect(firstColumn(pages.get(path)!, title).sort()).toEqual(declared.sort());
  });

  it('names in the table of README.md only options that there are', () => {
    const named = firstColumn(pages.get('README.md')!, 'option');
    const declared = firstColumn(pages.get('docs/options.md')!, 'option');
    expect(named).toContain('identityKey');
    expect(named.filter((name) => !declared.includes(name))).toEqual([]);
  });

  it.each([['docs/troubleshooting.md'], ['docs/protocol.md']])('lists in %s every problem, with its status', (path) => {
    const rows = pages.get(path)!.matchAll(/^\| `([a-z-]+)` +\| (\d{3}) /gm);
    expect(Object.fromEntries([...rows].map(([, name, status]) => [name, Number(status)]))).toEqual(
      Object.fromEntries(Object.entries(PROBLEMS).map(([name, { status }]) => [name, status])),
    );
  });

  it('names only import paths that the package exports', () => {
    const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      name: string;
      exports: Record<string, unknown>;
    };
    // Wherever it stands: in code, in a command, in a sentence.
    const named = [...pages.values()].flatMap((page) => [
      ...page.matchAll(/nestjs-e2e-encryption((?:\/[\w-]+(?:\.[\w-]+)*)*)/g),
    ]);
    const paths = new Set(named.map(([, path]) => `.${path!}`));
    expect(name).toBe('nestjs-e2e-encryption');
    expect([...paths].sort()).toEqual(
      Object.keys(exports)
        .filter((path) => path !== './package.json')
        .sort(),
    );
  });
});
