/**
 * The parts of the client that not every page needs at once, each in a separate file for bundlers. The entry says how it
 * gets them: pages load them on demand (`on-demand/loaders.ts`), everything else has them from the start (`index.ts`),
 * since module service workers forbid import().
 */
export type PartName =
  | 'cookies'
  | 'core'
  | 'curves'
  | 'debug'
  | 'device'
  | 'engines'
  | 'events'
  | 'fields'
  | 'forge'
  | 'hybrid'
  | 'identity'
  | 'messages'
  | 'names'
  | 'ml-kem'
  | 'native'
  | 'node-like'
  | 'noble'
  | 'padding'
  | 'redirects'
  | 'signatures'
  | 'sockets'
  | 'streams'
  | 'uploads';

/** The parts that are used before the core is there. */
export type FirstPart = 'core' | 'events' | 'messages' | 'sockets';

export type Loaders = Readonly<Record<PartName, () => Promise<unknown>>>;

let loaders: Partial<Loaders> = {};

/** Adds loaders. All clients of this copy of the module share them; a later loader of a part replaces an earlier one. */
export function provide(given: Partial<Loaders>): void {
  loaders = { ...loaders, ...given };
}

/** A part. Rejects if it cannot be loaded. */
export async function load<Module>(name: PartName): Promise<Module> {
  const loader = loaders[name];
  if (!loader) throw new Error(`no entry of the client has provided "${name}"`);
  return (await loader()) as Module;
}
