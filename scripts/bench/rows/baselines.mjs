import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPair } from '../pair.mjs';
import { measureWays, printWays } from './http.mjs';

// Row 2: the same POSTs behind what people use instead. None of it has channels, a window against replay, or a binding
// of message to request; nestia encrypts with one fixed key that every client knows.

const NESTIA = {
  '@nestia/core': '11.3.4',
  '@nestia/fetcher': '11.3.4',
  typia: '12.1.0',
  '@nestjs/common': '11.2.10',
  '@nestjs/core': '11.2.10',
  '@nestjs/platform-express': '11.2.10',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
};

export const title = 'The same behind what people use instead';

export async function measure({ sizes, rounds, profile, log }) {
  const figures = {};
  const compare = async (prefix, ways, options) => {
    const pair = await startPair(options);
    try {
      Object.assign(figures, await measureWays(prefix, pair, sizes, ways, rounds, log));
    } finally {
      await pair.stop();
    }
  };
  await compare('rivals', ['RSA', 'jose', 'forge'], { profile });
  const folder = await mkdtemp(join(tmpdir(), 'bench-nestia-'));
  try {
    log('nestia: installing it into a temporary folder');
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: NESTIA }));
    const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    await promisify(execFile)('npm', npm, { cwd: folder, timeout: 120_000 });
    await compare('nestia', ['nestia'], {
      serverFile: './nestia-server.mjs',
      server: { folder },
      load: { isSealing: false },
    });
  } catch (error) {
    log(`nestia: not measured, ${error.message.split('\n')[0]}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return figures;
}

export function print(figures) {
  const hasNestia = Object.keys(figures).some((key) => key.startsWith('nestia.'));
  return [
    printWays(figures, 'rivals'),
    hasNestia
      ? `nestia, in an application of its own on Nest 11:\n\n${printWays(figures, 'nestia')}`
      : 'nestia could not be measured.',
  ].join('\n\n');
}
