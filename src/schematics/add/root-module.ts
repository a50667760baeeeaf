import { posix } from 'node:path';
import type ts from 'typescript';
import { readText, type Tree } from './host.js';
import type { TypeScript } from './typescript.js';

/** Where the root module is. */
export interface RootModule {
  /** Its file, as the tree names it. */
  readonly path: string;
  readonly text: string;
  readonly className: string;
  /** Whether `main.ts` starts the application on Fastify. */
  readonly isOnFastify: boolean;
}

/** Why the root module is not found, or cannot be changed safely; for a sentence that goes on after "because". */
export type Obstacle = string;

/** The class that `NestFactory.create()` gets in `main.ts`. */
export function findRootModule(typescript: TypeScript, tree: Tree, sourceRoot: string): RootModule | Obstacle {
  const main = posix.join(sourceRoot, 'main.ts');
  const text = readText(tree, main);
  if (text === undefined) return `there is no ${main}`;
  const source = parse(typescript, main, text);
  const className = createdClass(typescript, source);
  if (className === undefined) return `${main} does not pass a class to NestFactory.create()`;
  const isOnFastify = importOf(typescript, source, 'FastifyAdapter') !== undefined;
  const imported = importOf(typescript, source, className);
  const path = imported === undefined ? main : fileOf(tree, sourceRoot, imported);
  if (path === undefined) {
    return `${main} imports ${className} from "${imported}", which is not a file of ${sourceRoot}`;
  }
  return { path, text: readText(tree, path)!, className, isOnFastify };
}

/** Whether the root module imports `E2eModule` already. */
export function hasE2eModule(typescript: TypeScript, { path, text }: RootModule): boolean {
  return importOf(typescript, parse(typescript, path, text), 'E2eModule') !== undefined;
}

/**
 * The root module's text with `element` in its `imports`, and with the import declarations that it needs. Only these
 * places change.
 */
export function withImport(
  typescript: TypeScript,
  { path, text, className }: RootModule,
  element: string,
  declarations: (quote: string, suffix: '' | '.js') => readonly string[],
  isEsModule: boolean,
): { readonly text: string } | Obstacle {
  const source = parse(typescript, path, text);
  const metadata = metadataOf(typescript, source, className);
  if (typeof metadata === 'string') return metadata;
  const insertion = insertionOf(typescript, source, metadata, className, element);
  if (typeof insertion === 'string') return insertion;

  const imports = source.statements.filter(typescript.isImportDeclaration);
  const specifiers = imports.map(({ moduleSpecifier }) => moduleSpecifier.getText(source));
  const relative = specifiers.filter((specifier) => /^.\.{1,2}\//.test(specifier));
  const hasSuffix = relative.length > 0 ? relative.some((specifier) => /\.js.$/.test(specifier)) : isEsModule;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = declarations(specifiers[0]?.[0] ?? "'", hasSuffix ? '.js' : '').join(newline);
  const at = imports.at(-1)?.end;
  const head = at === undefined ? { at: 0, text: lines + newline } : { at, text: newline + lines };
  // The later place first, so that the other one stays where it is.
  return { text: insert(insert(text, insertion), head) };
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

function insert(text: string, insertion: Insertion): string {
  return text.slice(0, insertion.at) + insertion.text + text.slice(insertion.at);
}

/** Where in `@Module()`'s object the element belongs. */
function insertionOf(
  typescript: TypeScript,
  source: ts.SourceFile,
  metadata: ts.ObjectLiteralExpression,
  className: string,
  element: string,
): Insertion | Obstacle {
  const imports = metadata.properties.find(({ name }) => name && nameOf(typescript, name) === 'imports');
  if (imports === undefined) {
    if (metadata.properties.some(typescript.isSpreadAssignment)) {
      return `the imports of ${className} may come from the object that @Module() spreads`;
    }
    const [first] = metadata.properties;
    const at = first ? first.getStart(source) : metadata.getStart(source) + 1;
    return { at, text: `imports: [${element}]${first ? `,${gapBefore(source, first)}` : ''}` };
  }
  if (!typescript.isPropertyAssignment(imports) || !typescript.isArrayLiteralExpression(imports.initializer)) {
    return `the imports of ${className} are not an array literal`;
  }
  const { elements } = imports.initializer;
  const last = elements.at(-1);
  if (last === undefined) return { at: elements.pos, text: element };
  return { at: last.end, text: `,${gapBefore(source, last) || ' '}${element}` };
}

/** The white space before a node: what follows the same in a list gets the same. */
function gapBefore(source: ts.SourceFile, node: ts.Node): string {
  const gap = /\s*$/.exec(source.text.slice(0, node.getStart(source)))![0];
  return gap.includes('\n') ? gap : ' ';
}

function metadataOf(
  typescript: TypeScript,
  source: ts.SourceFile,
  className: string,
): ts.ObjectLiteralExpression | Obstacle {
  const found = source.statements.find(
    (statement) => typescript.isClassDeclaration(statement) && statement.name?.text === className,
  ) as ts.ClassDeclaration | undefined;
  if (!found) return `${source.fileName} does not declare the class ${className}`;
  const calls = (typescript.getDecorators(found) ?? []).map(({ expression }) => expression);
  const module = calls.find(
    (call): call is ts.CallExpression =>
      typescript.isCallExpression(call) && call.expression.getText(source) === 'Module',
  );
  if (!module) return `${className} has no decorator @Module()`;
  const [metadata] = module.arguments;
  if (metadata && typescript.isObjectLiteralExpression(metadata)) return metadata;
  return `@Module() of ${className} gets no object literal`;
}

/** The first argument of `NestFactory.create(X, …)`. */
function createdClass(typescript: TypeScript, source: ts.SourceFile): string | undefined {
  let name: string | undefined;
  const visit = (node: ts.Node): void => {
    if (typescript.isCallExpression(node) && node.expression.getText(source) === 'NestFactory.create') {
      const [first] = node.arguments;
      if (first && typescript.isIdentifier(first)) name ??= first.text;
    }
    typescript.forEachChild(node, visit);
  };
  visit(source);
  return name;
}

/** The module that a name is imported from, under the same name. */
function importOf(typescript: TypeScript, source: ts.SourceFile, name: string): string | undefined {
  for (const statement of source.statements) {
    if (!typescript.isImportDeclaration(statement)) continue;
    const clause = statement.importClause;
    const bindings = clause?.namedBindings;
    const named = bindings && typescript.isNamedImports(bindings) ? bindings.elements : [];
    const isNamed = named.some((element) => element.name.text === name && !element.propertyName);
    if (isNamed) return (statement.moduleSpecifier as ts.StringLiteral).text;
  }
  return undefined;
}

/** A relative import's source, with or without an extension, or the `index.ts` of a folder. */
function fileOf(tree: Tree, folder: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const base = posix.join(folder, specifier.replace(/\.[jt]s$/, ''));
  return [`${base}.ts`, posix.join(base, 'index.ts')].find((path) => tree.exists(path));
}

function nameOf(typescript: TypeScript, name: ts.PropertyName): string | undefined {
  return typescript.isIdentifier(name) || typescript.isStringLiteral(name) ? name.text : undefined;
}

function parse(typescript: TypeScript, path: string, text: string): ts.SourceFile {
  return typescript.createSourceFile(path, text, typescript.ScriptTarget.Latest, true);
}
