import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { codeBlocks } from './markdown.js';

const PAGE = fileURLToPath(new URL('../../docs/recipes.md', import.meta.url));

/** The code of docs/recipes.md under that heading, as JavaScript for the server at that URL. */
export function recipe(heading: string, url: string): string {
  const { code } = codeBlocks(readFileSync(PAGE, 'utf8')).find((block) => block.heading === heading)!;
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    experimentalDecorators: true,
  };
  return ts.transpileModule(code.replaceAll('https://api.example.com', url), { compilerOptions }).outputText;
}
