/**
 * The parts of the client that not every page needs at once, each in a separate file for bundlers. Pages load them on
 * demand. The entry for everything else provides them from the start, since module service workers forbid import().
 */
export type PartName =
  | 'cookies'
  | 'core'
  | 'curves'
  | 'debug'
  | 'device'
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

const provided = new Map<string, unknown>();

/** Makes the client use these modules instead of loading them. */
export function provide(
  parts: Readonly<Record<Exclude<PartName, 'forge' | 'ml-kem' | 'native' | 'node-like' | 'noble'>, unknown>>,
): void {
  for (const [name, module] of Object.entries(parts)) provided.set(name, module);
}

/** A part. It is loaded if it was not provided. */
export function load<Module>(name: PartName, importIt: () => Promise<Module>): Promise<Module> {
  const module = provided.get(name) as Module | undefined;
  return module ? Promise.resolve(module) : importIt();
}
