import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeBlocks } from '../../../support/markdown.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** Where scripts/package/install-stacks.mjs installs, and where Node finds what it installed. */
export const STACKS = join(ROOT, 'dist/stacks');
const FIXTURE = fileURLToPath(new URL('../fixture', import.meta.url));

/** A new folder for one stack: its files from the fixture, then those that the page of docs/ names under the heading. */
export function workshop(name: string, page: string, heading: string, url: string): string {
  const folder = join(STACKS, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(FIXTURE, name), folder, { recursive: true });
  const blocks = codeBlocks(readFileSync(join(ROOT, 'docs', page), 'utf8')).filter(
    (block) => block.heading === heading,
  );
  const named = blocks.filter((block) => block.file !== undefined);
  if (named.length === 0) throw new Error(`docs/${page} has no file under "${heading}"`);
  for (const { file, code } of named) {
    mkdirSync(dirname(join(folder, file!)), { recursive: true });
    writeFileSync(join(folder, file!), code.replaceAll('https://api.example.com', url));
  }
  return folder;
}

/** The path of a program that a package in dist/stacks brings. */
export function program(path: string): string {
  return join(STACKS, 'node_modules', path);
}
