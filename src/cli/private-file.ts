import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** Where the system has it (not on Windows): a link in place of the file is an error, rather than followed. */
const NO_FOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0;

/**
 * The content of a file that only its owner may read, or `undefined` if there is none. @throws Error that says why not.
 */
export function readPrivate(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | NO_FOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isLink(path)) return undefined;
    if (code === 'ELOOP' || code === 'EMLINK' || isLink(path)) throw new Error(LINK, { cause: error });
    throw error;
  }
  try {
    const { uid, mode } = fstatSync(file);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new Error('it is not a regular file');
    const own = process.getuid?.();
    if (own !== undefined && uid !== own) throw new Error('it belongs to another user, who can read what is in it');
    if (own !== undefined && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(`others may read or write it (mode ${octal}): run chmod 600 on it, or delete it`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Replaces the file atomically by a new one of mode 0600, so no reader sees half of it. */
export function writePrivate(path: string, text: string): void {
  if (isLink(path)) throw new Error(LINK);
  const fresh = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW;
  const file = openSync(fresh, flags, 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
}

const LINK = 'it is a symbolic link, which is not followed: give the path of the file itself';

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
