import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { BadRequestException, Body, Controller, Get, Post, Query } from '@nestjs/common';
import ts from 'typescript';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { codeBlocks } from '../../support/markdown.js';
import { FIXTURE, install, makeFolder, MINUTES, pack, ROOT, run } from './application.js';

@Controller('notes')
@Encrypted()
class NoteController {
  readonly #notes: { id: number; title: string }[] = [];

  @Post()
  create(@Body() { title }: { title?: string }) {
    if (!title) throw new BadRequestException('no title');
    const note = { id: this.#notes.length + 1, title };
    this.#notes.push(note);
    return note;
  }

  @Get()
  find(@Query('search') search: string) {
    return this.#notes.filter(({ title }) => title === search);
  }
}

const PACKAGES = ['@angular/common', '@angular/core', '@angular/compiler'].map((name) => `${name}@20`);
const OTHERS = ['rxjs@7', '@tanstack/react-query@5', 'react@19', 'react-test-renderer@19'];

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await install(folder, await pack(folder), ...PACKAGES, ...OTHERS);
}, 3 * MINUTES);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The block of the page under that heading, as JavaScript. */
function recipe(heading: string, url: string): string {
  const { code } = codeBlocks(readFileSync(join(ROOT, 'docs/recipes.md'), 'utf8')).find(
    (block) => block.heading === heading,
  )!;
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    experimentalDecorators: true,
  };
  return ts.transpileModule(code.replaceAll('https://api.example.com', url), { compilerOptions }).outputText;
}

const app = useApp('express', { controllers: [NoteController] });

it(
  'the recipes for Angular and React Query make sealed calls, with the real packages',
  async () => {
    writeFileSync(join(folder, 'angular.mjs'), recipe('Angular', app().url));
    writeFileSync(join(folder, 'react-query.mjs'), recipe('React Query', app().url));
    cpSync(join(FIXTURE, 'recipes.mjs'), join(folder, 'recipes.mjs'));
    expect(JSON.parse(await run(folder, process.execPath, 'recipes.mjs'))).toEqual({
      angular: {
        written: { id: 1, title: 'Ada' },
        found: [{ id: 1, title: 'Ada' }],
        refused: { name: 'HttpErrorResponse', status: 400, error: 'no title' },
        elsewhere: { name: 'HttpErrorResponse', status: 0, error: 'request-unsupported' },
      },
      reactQuery: { written: { id: 2, title: 'Grace' }, found: [{ id: 2, title: 'Grace' }] },
    });
  },
  MINUTES,
);
