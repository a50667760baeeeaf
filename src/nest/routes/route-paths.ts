import { RequestMethod, VersioningType, type VersioningOptions } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { METHOD, MODULE_PATH, PATH, VERSION, type Method } from './nest-metadata.js';

/** A path of a route, as Nest hands it to the platform. */
export interface RoutePath {
  /** A name of `RequestMethod`. */
  readonly method: string;
  /** With the global prefix, the paths of `RouterModule`, and a version that is part of it. */
  readonly path: string;
  /** Which versions it answers; `undefined` for one that has no version, or is neutral. */
  readonly versions: readonly (string | undefined)[];
}

/** A symbol is `VERSION_NEUTRAL`. */
type Version = string | symbol | undefined;

/** How one controller's routes get their paths, in the order in which Nest registers them. */
export class RoutePaths {
  readonly #folders: string[];
  readonly #prefixes: string[];

  constructor(
    private readonly config: ApplicationConfig,
    applicationId: string,
    module: object | undefined,
    private readonly controller: object,
  ) {
    const folder = module && folderOf(applicationId, module);
    this.#folders = folder === undefined ? [''] : texts(folder);
    this.#prefixes = texts(Reflect.getMetadata(PATH, controller));
  }

  /** The routes of each path of the controller by themselves: Nest goes through all methods for each. */
  of<Each extends Method>(methods: readonly Each[]): { method: Each; at: RoutePath }[] {
    return this.#prefixes.flatMap((prefix) =>
      methods.flatMap((method) => this.#pathsOf(prefix, method.handler).map((at) => ({ method, at }))),
    );
  }

  #pathsOf(prefix: string, handler: object): RoutePath[] {
    const versions = this.#versionsOf(handler);
    const versioning = this.config.getVersioning();
    const method = (Reflect.getMetadata(METHOD, handler) as RequestMethod | undefined) ?? RequestMethod.GET;
    const inPath = versioning?.type === VersioningType.URI;
    const groups = inPath ? versions.map((version) => [version]) : [versions];
    return texts(Reflect.getMetadata(PATH, handler)).flatMap((own) =>
      groups.flatMap((group) =>
        this.#folders.map((folder) => {
          const versionPrefix = inPath ? prefixOf(versioning, group[0]) : '';
          const path = [folder, prefix, own].reduce(append, '');
          return {
            method: RequestMethod[method],
            path: this.#complete(versionPrefix, path, method),
            versions: group.map((version) => (typeof version === 'string' ? version : undefined)),
          };
        }),
      ),
    );
  }

  #versionsOf(handler: object): Version[] {
    const versioning = this.config.getVersioning();
    if (!versioning) return [undefined];
    const own = Reflect.getMetadata(VERSION, handler) as Version | Version[];
    const ofClass = (Reflect.getMetadata(VERSION, this.controller) as Version | Version[]) ?? versioning.defaultVersion;
    return [own || ofClass].flat();
  }

  #complete(versionPrefix: string, path: string, method: RequestMethod): string {
    const versioned = append(versionPrefix, path);
    const globalPrefix = this.#isExcluded(path, method) ? '' : this.config.getGlobalPrefix();
    const complete = leadingSlash(stripEndSlash(leadingSlash(globalPrefix)) + versioned || '/');
    return complete === '/' ? complete : stripEndSlash(complete);
  }

  /** Whether `setGlobalPrefix(…, { exclude })` names the path, which it does without a version. */
  #isExcluded(path: string, method: RequestMethod): boolean {
    const { exclude = [] } = this.config.getGlobalPrefixOptions();
    return exclude.some(
      ({ requestMethod, pathRegex }) =>
        (requestMethod === RequestMethod.ALL || requestMethod === method) && pathRegex.test(leadingSlash(path)),
    );
  }
}

function folderOf(applicationId: string, module: object): unknown {
  return Reflect.getMetadata(MODULE_PATH + applicationId, module) ?? Reflect.getMetadata(MODULE_PATH, module);
}

function prefixOf(versioning: VersioningOptions, version: Version): string {
  if (typeof version !== 'string') return '';
  const { prefix = 'v' } = versioning as { prefix?: string | false };
  return `/${prefix === false ? '' : prefix}${version}`;
}

function texts(metadata: unknown): string[] {
  return Array.isArray(metadata) ? (metadata as string[]) : [typeof metadata === 'string' ? metadata : ''];
}

// Slashes as Nest puts them.

function append(path: string, part: string): string {
  return part === '' ? path : stripEndSlash(path) + leadingSlash(part);
}

function leadingSlash(path: string): string {
  // An optional group may start with the slash.
  return path === '' || path.startsWith('/') || path.startsWith('{/') ? path : `/${path}`;
}

function stripEndSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
