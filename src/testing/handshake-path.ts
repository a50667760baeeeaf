/** Where `E2eModule` writes on its HTTP server what this file needs: neither imports the other. */
const MARK = Symbol.for('nestjs-e2e-encryption.handshake');
const DEFAULT_PATH = 'e2e';

interface Mark {
  /** The module's option `path`. */
  readonly path: string;
  /** Of `app.setGlobalPrefix()`. */
  readonly prefix: string;
}

export function markOf(server: object): Mark | undefined {
  return (server as { [MARK]?: Mark })[MARK];
}

/** What a target lacks that has neither the mark nor a response at any of the likely paths. */
export const NO_MODULE =
  'The application under test does not import E2eModule, so it has no handshake and seals nothing. A testing module that ' +
  'imports only feature modules needs it too: Test.createTestingModule({ imports: [E2eModule.forRoot(), …] }), with the ' +
  'options of your AppModule.';

/**
 * The module's path below the URL, for the client's option `path`: under the global prefix, without it where the
 * handshake is excluded from it, or below a part of the path that a test calls, where `RouterModule` or a parent
 * application put it.
 */
export async function findHandshake(url: string, mark: Mark | undefined, called: string): Promise<string> {
  const { path, prefix } = mark ?? { path: DEFAULT_PATH, prefix: '' };
  const folders = called
    .split(/[?#]/)[0]!
    .split('/')
    .filter((each) => each !== '')
    .slice(0, -1);
  const parents = folders.map((_, index) => folders.slice(0, index + 1).join('/'));
  const candidates = new Set(
    [prefix, '', ...parents, ...parents.map((each) => `${each}/${prefix}`)].map((each) => join(each, path)),
  );
  for (const candidate of candidates) {
    // Any response except "not found" counts: a guard of the application may reject it.
    const response = await globalThis.fetch(new URL(`${candidate}/identity`, `${url.replace(/\/$/, '')}/`));
    await response.body?.cancel();
    if (response.status !== 404) return candidate;
  }
  if (!mark) {
    throw new Error(
      `There is no handshake at ${url}, at ${[...candidates].join(' or ')}. ${NO_MODULE} If it is elsewhere, set the option path.`,
    );
  }
  return join(prefix, path);
}

function join(...parts: string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .join('/');
}
