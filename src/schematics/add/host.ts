// What this schematic needs of @angular-devkit/schematics, which runs it: the application has that package only inside
// Nest's CLI, so it cannot be imported here.

/** The files of the application. What a schematic changes is written only if it ends without an error. */
export interface Tree {
  exists(path: string): boolean;
  read(path: string): Uint8Array | null;
  create(path: string, content: string): void;
  overwrite(path: string, content: string): void;
}

export interface SchematicContext {
  readonly logger: { info(message: string): void };
  addTask(task: { toConfiguration(): { name: string; options: object } }): unknown;
}

export type Rule = (tree: Tree, context: SchematicContext) => void;

/** What a person has to do by hand. The runner prints the stack of an error if it has one. */
export class ManualStep extends Error {
  constructor(message: string) {
    super(message);
    delete this.stack;
  }
}

/** A file's text; `undefined` if there is none. */
export function readText(tree: Tree, path: string): string | undefined {
  const bytes = tree.exists(path) ? tree.read(path) : null;
  return bytes ? new TextDecoder().decode(bytes) : undefined;
}

/** Creates the file, or replaces its text. A file that would not change is not written. */
export function writeText(tree: Tree, path: string, text: string): void {
  const before = readText(tree, path);
  if (before === undefined) tree.create(path, text);
  else if (before !== text) tree.overwrite(path, text);
}
