import { createRequire } from 'node:module';
import { join } from 'node:path';
import type ts from 'typescript';

export type TypeScript = typeof ts;

/** It has no entry of its own, so it is found by its package.json. */
const CLI = '@nestjs/cli';

/** The TypeScript of the application, or of its Nest CLI. `undefined`: neither has one with a compiler API. */
export function loadTypeScript(): TypeScript | undefined {
  const application = join(process.cwd(), 'package.json');
  return load(application) ?? load(resolveIn(application, `${CLI}/package.json`));
}

function load(from: string | undefined): TypeScript | undefined {
  if (from === undefined) return undefined;
  try {
    const typescript = createRequire(from)('typescript') as Partial<TypeScript>;
    return typeof typescript.createSourceFile === 'function' ? (typescript as TypeScript) : undefined;
  } catch {
    return undefined;
  }
}

function resolveIn(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}
