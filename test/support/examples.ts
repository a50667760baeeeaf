import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** The code of an `@example`, and the line of its first character, from 1. */
export interface Example {
  readonly code: string;
  readonly line: number;
}

/** A function, class or decorator that an entry of the package exports. */
export interface PublicName {
  readonly entry: string;
  readonly name: string;
  readonly hasExample: boolean;
}

/** A block tag at the beginning of a line ends an example; a decorator has a parenthesis or a capital letter. */
const NEXT_TAG = /^@(?:param|returns|throws|see|default|remarks|deprecated|example|internal)\b/;

export function examplesIn(text: string): Example[] {
  return [...text.matchAll(/\/\*\*[^]*?\*\//g)].flatMap(({ 0: comment, index }) => {
    const first = text.slice(0, index).split('\n').length;
    const lines = comment
      .replace(/\s*\*\/$/, '')
      .split('\n')
      .map((line) => line.replace(/^\s*\*? ?/, ''));
    const examples: Example[] = [];
    for (let at = lines.findIndex(isExample); at >= 0; at = lines.findIndex((line, k) => k > at && isExample(line))) {
      const end = lines.findIndex((line, k) => k > at && NEXT_TAG.test(line));
      const body = lines.slice(at + 1, end < 0 ? undefined : end);
      // A fence keeps TypeDoc from reading a decorator as a tag.
      examples.push({
        code: body
          .map((line) => (line.startsWith('```') ? '' : line))
          .join('\n')
          .trimEnd(),
        line: first + at + 1,
      });
    }
    return examples;
  });
}

function isExample(line: string): boolean {
  return /^@example\s*$/.test(line);
}

/** What the entries of the package at `root` export, without types. */
export function publicNames(root: string): PublicName[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, unknown>;
  };
  return Object.entries(exports).flatMap(([path, target]) => {
    const built = (target as { import?: { default?: string } }).import?.default;
    if (!built?.endsWith('.js')) return [];
    const source = join(root, built.replace('dist/esm', 'src').replace(/\.js$/, '.ts'));
    return exportsOf(source).map((each) => ({ entry: name + path.slice(1), ...each }));
  });
}

function exportsOf(path: string): { name: string; hasExample: boolean }[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const own = declarationsIn(path, true);
  const again = source.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || statement.isTypeOnly || !statement.moduleSpecifier) return [];
    const target = join(dirname(path), (statement.moduleSpecifier as ts.StringLiteral).text).replace(/\.js$/, '.ts');
    if (!statement.exportClause) return exportsOf(target);
    const declared = declarationsIn(target);
    return (statement.exportClause as ts.NamedExports).elements
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .flatMap(({ name: { text: name } }) => {
        const hasExample = declared.get(name);
        return hasExample === undefined ? [] : [{ name, hasExample }];
      });
  });
  return [...[...own].map(([name, hasExample]) => ({ name, hasExample })), ...again];
}

/** The functions, classes and decorators of a module by name, and whether each, or a member of it, has an example. */
function declarationsIn(path: string, onlyExported = false): Map<string, boolean> {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = new Map<string, boolean>();
  for (const statement of source.statements) {
    if (onlyExported && !/^export\b/m.test(statement.getText())) continue;
    const has = examplesIn(statement.getFullText()).length > 0;
    if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name) {
      found.set(statement.name.text, has || found.get(statement.name.text) === true);
    } else if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (initializer && ts.isCallExpression(initializer)) found.set(name.getText(), has);
      }
    }
  }
  return found;
}

const NEST = /^(?:Module|Controller|Get|Post|Injectable|Req|Body|Catch|Logger|ArgumentsHost)$/;

/** Where names come from that examples use without saying so, as a reader of the reference takes them. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [NEST, "import { NAME } from '@nestjs/common';"],
  [/^(?:NestFactory|BaseExceptionFilter)$/, "import { NAME } from '@nestjs/core';"],
  [/^ChannelFacts$/, "import type { ChannelFacts } from 'nestjs-e2e-encryption';"],
  [/^(?:IsCreditCard|IsInt)$/, "import { NAME } from 'class-validator';"],
  [/^writeFileSync$/, "import { writeFileSync } from 'node:fs';"],
  [/^expect$/, "import { expect } from '@jest/globals';"],
  [/^(?:HealthCheck|HealthCheckService)$/, "import { NAME } from '@nestjs/terminus';"],
  [/^RedisStore$/, "import { RedisStore } from 'connect-redis';"],
  [/^CardDto$/, 'declare class CardDto { number: string }'],
  [/^request$/, 'declare const request: object;'],
  [/^message$/, 'declare const message: string;'],
  [/^(?:DocumentBuilder|SwaggerModule)$/, "import { NAME } from '@nestjs/swagger';"],
  [/^Test$/, "import { Test } from '@nestjs/testing';"],
  [/^axios$/, "import axios from 'axios';"],
  [/^Redis$/, "import { Redis } from 'ioredis';"],
  [/^createClient$/, "import { createClient } from 'redis';"],
  [/^io$/, "import { io } from 'socket.io-client';"],
  [/^of$/, "import { of } from 'rxjs';"],
  [/^AppModule$/, 'declare class AppModule {}'],
  [/^app$/, "declare const app: import('@nestjs/common').INestApplication;"],
  [/^client$/, "declare const client: import('nestjs-e2e-encryption/client').E2eClient;"],
  [/^agent$/, "declare const agent: import('nestjs-e2e-encryption/testing').E2eAgent;"],
  [/^(?:show|report)$/, 'declare function NAME(value: unknown): void;'],
  [/^question$/, 'declare const question: string;'],
  [/^(?:Invoice|Note)$/, 'interface NAME { id: number; title: string }'],
];

/**
 * An example as a module of its own. Names that it does not declare come from the package and from `KNOWN`. All of that is
 * on the line above the example's first one, so that a line of a complaint is a line of the source.
 */
export function moduleOf(example: Example, names: readonly PublicName[]): string {
  const file = ts.createSourceFile('example.ts', example.code, ts.ScriptTarget.Latest, true);
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    const { parent } = node as { parent?: ts.Node & { name?: ts.Node } };
    if (ts.isIdentifier(node)) {
      const isDeclared = parent?.name === node && !ts.isPropertyAccessExpression(parent);
      (isDeclared ? declared : used).add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  const prelude = [...used]
    .filter((name) => !declared.has(name))
    .flatMap((name) => {
      const own = names.find((each) => each.name === name);
      if (own) return [`import { ${name} } from '${own.entry}';`];
      const known = KNOWN.find(([pattern]) => pattern.test(name));
      return known ? [known[1].replace('NAME', name)] : [];
    });
  return `${'\n'.repeat(example.line - 2)}export {}; ${prelude.join(' ')}\n${example.code}\n`;
}
