import { posix } from 'node:path';
import ts from 'typescript';

/** What a folder of src/ may import: of the package's own folders, and of others' packages. */
interface Room {
  readonly rooms: readonly string[];
  readonly packages: readonly RegExp[];
}

// Of Nest only what each package exports by its name: what lies deeper may move with any version.
const PLATFORM = [/^@nestjs\/[\w-]+$/, /^@?fastify/, /^express/, /^rxjs/, /^reflect-metadata$/, /^node:/];

/** Imports go one way: protocol ← crypto ← channel ← nest, and the client takes protocol and crypto alone. */
const ROOMS: Readonly<Record<string, Room>> = {
  protocol: { rooms: ['protocol'], packages: [] },
  crypto: {
    rooms: ['protocol', 'crypto'],
    packages: [/^node-forge$/, /^@noble\/[\w-]+\/[\w-]+\.js$/, /^node:crypto$/],
  },
  channel: {
    rooms: ['protocol', 'crypto', 'channel'],
    packages: [/^lru-cache$/, /^node:(crypto|url|worker_threads)$/],
  },
  nest: { rooms: ['protocol', 'crypto', 'channel', 'nest'], packages: PLATFORM },
  sockets: { rooms: ['protocol', 'channel', 'nest', 'sockets'], packages: [/^@nestjs\/common$/, /^ws$/, /^node:/] },
  ws: {
    rooms: ['protocol', 'nest', 'sockets', 'ws'],
    packages: [/^@nestjs\/(common|platform-ws)$/, /^ws$/, /^node:/],
  },
  'socket.io': {
    rooms: ['protocol', 'sockets', 'socket.io'],
    packages: [/^@nestjs\/(common|platform-socket\.io)$/, /^ws$/, /^node:/],
  },
  client: { rooms: ['protocol', 'crypto', 'client'], packages: [] },
  'socket.io-client': { rooms: ['client', 'socket.io-client'], packages: [/^socket\.io-client$/] },
  cli: { rooms: ['protocol', 'crypto', 'channel', 'client', 'cli'], packages: [/^tough-cookie$/, /^ws$/, /^node:/] },
  // The application's TypeScript, which it loads from there; of the package `typescript` it imports types alone.
  schematics: { rooms: ['crypto', 'schematics'], packages: [/^typescript$/, /^node:(module|path)$/] },
  terminus: { rooms: ['nest', 'terminus'], packages: [/^@nestjs\/(common|terminus)$/, /^express-session$/] },
  redis: { rooms: ['protocol', 'channel', 'redis'], packages: [/^node:crypto$/] },
  testing: { rooms: ['protocol', 'client', 'testing'], packages: [/^node:/, /^ws$/] },
  axios: { rooms: ['protocol', 'client', 'axios'], packages: [/^axios$/] },
  'nest-axios': { rooms: ['client', 'axios', 'nest-axios'], packages: [/^@nestjs\/(common|axios)$/, /^axios$/] },
  debug: { rooms: ['client', 'debug'], packages: [] },
  fields: { rooms: ['nest', 'fields'], packages: [/^@nestjs\/common$/, /^class-transformer(\/cjs\/storage\.js)?$/] },
  'swagger-ui': { rooms: ['protocol', 'client', 'swagger-ui'], packages: [] },
  swagger: { rooms: ['protocol', 'client', 'nest', 'swagger-ui', 'swagger'], packages: [/^@nestjs\/\w+$/, /^node:/] },
};

/** Folders inside a room, lowest first: one imports its own files and those of folders before it. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  nest: ['options', 'request', 'keys', 'routes', 'exchange', 'platform', 'module'],
};

/** Packages and names that only some files may use; a path that ends in `/` stands for a folder. */
const CONFINED: readonly { readonly use: RegExp; readonly to: readonly string[] }[] = [
  {
    use: /^node:crypto$/,
    to: [
      'crypto/node.ts',
      'crypto/node-keys.ts',
      'crypto/node-ml-kem.ts',
      'crypto/iv-supply.ts',
      'crypto/spki.ts',
      'channel/key-pool.ts',
      'redis/replay-guard.ts',
      'testing/secrets.ts',
      'testing/multipart.ts',
      'cli/private-file.ts',
    ],
  },
  { use: /^node-forge$/, to: ['crypto/forge.ts', 'crypto/node-forge.d.ts'] },
  { use: /^@noble\//, to: ['crypto/noble.ts', 'crypto/noble-ml-kem.ts'] },
  { use: /^node:worker_threads$/, to: ['channel/encapsulator.ts'] },
  { use: /^subtle$/, to: ['crypto/web.ts', 'crypto/web-ml-kem.ts', 'crypto/web-signer.ts', 'crypto/web-verifier.ts'] },
  { use: /^fetch$/, to: ['client/', 'testing/', 'axios/', 'cli/', 'swagger-ui/'] },
  {
    use: /^(HttpStatus|HttpException|IncomingMessage|ServerResponse|statusCode)$/,
    to: ['nest/', 'testing/', 'sockets/', 'ws/', 'socket.io/', 'cli/conformance/'],
  },
];

const MAX_LINES = 260;

/** Every breach of the house's import rules in `sources`: their paths under src/, with `/`, and their texts. */
export function findBreaches(sources: ReadonlyMap<string, string>): string[] {
  const uses = new Map([...sources].map(([path, text]) => [path, readUses(path, text)]));
  return [
    ...[...sources].flatMap(([path, text]) => checkLength(path, text)),
    ...[...uses].flatMap(([path, { modules, names }]) => [
      ...modules.flatMap((module) => checkImport(path, module)),
      ...[...modules, ...names].flatMap((use) => checkConfined(path, use)),
    ]),
    ...findCycles(new Map([...uses].map(([path, { modules }]) => [path, neighbours(path, modules)]))),
  ];
}

interface Uses {
  readonly modules: readonly string[];
  readonly names: readonly string[];
}

/** The modules a source names, in whatever kind of import, and its identifiers; comments and strings do not count. */
function readUses(path: string, text: string): Uses {
  const modules = new Set<string>();
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    const specifier =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
          ? node.argument.literal
          : ts.isCallExpression(node) && isLoader(node.expression)
            ? node.arguments[0]
            : undefined;
    if (specifier) modules.add(ts.isStringLiteralLike(specifier) ? specifier.text : `(computed in ${path})`);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  return { modules: [...modules], names: [...names] };
}

function isLoader(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function checkLength(path: string, text: string): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > MAX_LINES ? [`${path} has ${lines} lines, more than ${MAX_LINES}`] : [];
}

function checkImport(path: string, module: string): string[] {
  const target = resolve(path, module);
  if (target && posix.basename(target) === 'index.ts') return [`${path} imports the barrel ${target}`];
  const name = roomOf(path);
  // Files beside the rooms are entries: they only put together what the rooms hold.
  if (name === '') return target ? [] : [`${path} imports ${module}, but an entry only re-exports`];
  const room = ROOMS[name];
  if (!room) return [`${path} is in a folder that the architecture does not know`];
  if (target && climbs(path, target)) return [`${path} imports ${target}, which stands above it`];
  const allowed = target ? room.rooms.includes(roomOf(target)) : room.packages.some((each) => each.test(module));
  return allowed ? [] : [`${path} imports ${target ?? module}`];
}

/** Whether an import inside one room goes to a higher floor, or from or to a file that is on none. */
function climbs(path: string, target: string): boolean {
  const [name = '', floor = ''] = path.split('/');
  const floors = FLOORS[name];
  const [targetName, targetFloor = ''] = target.split('/');
  if (!floors || targetName !== name) return false;
  const [from, to] = [floors.indexOf(floor), floors.indexOf(targetFloor)];
  return from < 0 || to < 0 || to > from;
}

function checkConfined(path: string, use: string): string[] {
  return CONFINED.filter(
    (rule) =>
      rule.use.test(use) && !rule.to.some((place) => path === place || (place.endsWith('/') && path.startsWith(place))),
  ).map(({ to }) => `${path} uses ${use}, which belongs in ${to.join(' and ')}`);
}

function neighbours(path: string, modules: readonly string[]): string[] {
  return modules.map((module) => resolve(path, module)).filter((target) => target !== undefined);
}

/** The source that a relative import means, or `undefined` for a package. */
function resolve(path: string, module: string): string | undefined {
  if (!module.startsWith('.')) return undefined;
  return posix.join(posix.dirname(path), module).replace(/\.js$/, '.ts');
}

function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** Each cycle once, as the path around it. */
function findCycles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push(`imports go in a circle: ${[...trail.slice(start), file].join(' → ')}`);
    if (start >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return cycles;
}
