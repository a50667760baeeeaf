import { describe, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';

const folder = new URL('../../../shared/vectors/', import.meta.url);

/**
 * A suite over a file of vectors. They are kept beside the repository, not in it: a clone without them says so, in the
 * name of a test, instead of passing over it in silence.
 */
export function describeVectors<File>(title: string, path: string, suite: (file: File) => void): void {
  const url = new URL(path, folder);
  describe(title, () => {
    if (existsSync(url)) suite(JSON.parse(readFileSync(url, 'utf8')) as File);
    else it(`was compared with nothing: shared/vectors/${path} is not beside this clone`, () => undefined);
  });
}
