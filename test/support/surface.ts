import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * What the entries of the package at `root` export, as the compiler of whoever installs it sees it: their declarations
 * without comments, private members, and constructors that only the package itself can call; then, since these name
 * them, the declarations of the package that no entry exports.
 */
export function surface(root: string): string {
  const emitted = emitDeclarations(root);
  const checker = emitted.program.getTypeChecker();
  const listing = new Listing(checker, (file) => emitted.texts.has(file.fileName));
  const exported = entries(root).map(({ name, source }): [string, ts.Symbol[]] => {
    const module = checker.getSymbolAtLocation(emitted.program.getSourceFile(source)!)!;
    return [name, checker.getExportsOfModule(module).map((each) => listing.add(each))];
  });
  return [...exported, ['named by these, and exported by none', listing.whatIsNamed()] as const]
    .map(
      ([title, symbols]) =>
        `=== ${title}\n\n${symbols
          .map((each) => listing.print(each))
          .sort(byText)
          .join('\n')}`,
    )
    .join('\n\n');
}

/** The entries of `exports`, and the source of each. */
function entries(root: string): { name: string; source: string }[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string | { import: { default: string } }>;
  };
  return Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const source = target.import.default.replace('dist/esm', 'src').replace(/\.js$/, '.ts');
    return { name: name + path.slice(1), source: join(root, source) };
  });
}

/** The declarations that a build emits, each under the path of its source, so that everything resolves as there. */
function emitDeclarations(root: string): { texts: ReadonlyMap<string, string>; program: ts.Program } {
  const { fileNames, options } = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.build.json'),
    { emitDeclarationOnly: true, removeComments: true, outDir: join(root, 'src') },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
      },
    },
  )!;
  const texts = new Map<string, string>();
  ts.createProgram(fileNames, options).emit(undefined, (path, text) =>
    texts.set(path.replace(/\.d\.ts$/, '.ts'), text),
  );
  const disk = ts.createCompilerHost(options);
  const program = ts.createProgram([...texts.keys()], options, {
    ...disk,
    getSourceFile: (path, language, ...rest) => {
      const text = texts.get(path);
      return text === undefined
        ? disk.getSourceFile(path, language, ...rest)
        : ts.createSourceFile(path, text, language, true);
    },
  });
  return { texts, program };
}

class Listing {
  readonly #exported = new Set<ts.Symbol>();
  readonly #printer = ts.createPrinter();

  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly isOwnFile: (file: ts.SourceFile) => boolean,
  ) {}

  resolve(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
  }

  /** Takes an export in; what it stands for. */
  add(exported: ts.Symbol): ts.Symbol {
    const symbol = this.resolve(exported);
    if (symbol.name !== exported.name) {
      throw new Error(`${symbol.name} is exported as ${exported.name}: list that, too`);
    }
    this.#exported.add(symbol);
    return symbol;
  }

  /** What the exported declarations name of the package's own, over any number of steps. */
  whatIsNamed(): ts.Symbol[] {
    const listed = new Set(this.#exported);
    const visit = (node: ts.Node): void => {
      if (this.#isHidden(node) || this.#isComputed(node)) return;
      const symbol = ts.isIdentifier(node) ? this.checker.getSymbolAtLocation(node) : undefined;
      if (symbol && this.#declarations(this.resolve(symbol)).length > 0) listed.add(this.resolve(symbol));
      ts.forEachChild(node, visit);
    };
    // A set goes on with what is added to it on the way.
    for (const symbol of listed) this.#declarations(symbol).forEach(visit);
    return [...listed].filter((symbol) => !this.#exported.has(symbol));
  }

  print(symbol: ts.Symbol): string {
    return this.#declarations(symbol)
      .map((each) => this.#printOne(each))
      .join('\n');
  }

  #printOne(declaration: ts.Declaration): string {
    if (ts.isTypeAliasDeclaration(declaration) && this.#isComputed(declaration.type)) {
      return `type ${declaration.name.text} = ${this.#written(this.checker.getTypeAtLocation(declaration.name))};`;
    }
    const node = ts.isClassDeclaration(declaration) ? this.#withoutHidden(declaration) : declaration;
    const text = this.#printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile());
    return ts.isVariableDeclaration(declaration) ? `const ${text};` : text.replace(/^(export |declare )+/, '');
  }

  #withoutHidden(node: ts.ClassDeclaration): ts.ClassDeclaration {
    const members = node.members.filter((member) => !this.#isHidden(member));
    const { modifiers, name, typeParameters, heritageClauses } = node;
    return ts.factory.updateClassDeclaration(node, modifiers, name, typeParameters, heritageClauses, members);
  }

  /** Members that are private, and constructors that take what no entry exports. */
  #isHidden(node: ts.Node): boolean {
    if (!ts.isClassElement(node)) return false;
    if (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) return true;
    if (node.name && ts.isPrivateIdentifier(node.name)) return true;
    return ts.isConstructorDeclaration(node) && node.parameters.some(({ type }) => type && this.#isUnexported(type));
  }

  #isUnexported(type: ts.TypeNode): boolean {
    const symbol = ts.isTypeReferenceNode(type) && this.checker.getSymbolAtLocation(type.typeName);
    const resolved = symbol && this.resolve(symbol);
    return Boolean(resolved && this.#declarations(resolved).length > 0 && !this.#exported.has(resolved));
  }

  /** Types made out of values or of other types' members: `(typeof NAMES)[number]`, `Parameters<X['call']>`. */
  #isComputed(node: ts.Node): boolean {
    if (!ts.isTypeNode(node)) return false;
    return (
      ts.isIndexedAccessTypeNode(node) ||
      (ts.isTypeReferenceNode(node) && Boolean(node.typeArguments?.some((each) => this.#isComputed(each))))
    );
  }

  /** A type in full. A union's members come in the order of the compiler's work, which anything may change. */
  #written(type: ts.Type): string {
    if (type.isUnion()) {
      return type.types
        .map((each) => this.#written(each))
        .sort(byText)
        .join(' | ');
    }
    return this.checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias);
  }

  /** What a symbol is declared by in the package's own modules: not members, parameters or locals. */
  #declarations({ declarations = [] }: ts.Symbol): ts.Declaration[] {
    return declarations.filter((each) => {
      const holder = ts.isVariableDeclaration(each) ? each.parent.parent.parent : each.parent;
      return ts.isSourceFile(holder) && this.isOwnFile(holder);
    });
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
