import { join } from '../call/bytes.js';

/** A file that only this origin sees. It is read from disk while it is sent. */
export interface PrivateFile {
  readonly write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** What was written. */
  readonly close: () => Promise<Blob>;
  readonly remove: () => Promise<void>;
}

const FOLDER = 'e2e-uploads';
/** The name of a file, without what the browser adds while it is written (Chromium: `.crswap`). */
const NAME = /^[^.]*/;
/**
 * How much is written at a time. Each write goes through another process, so many short ones take several times as
 * long.
 */
const WRITE_BYTES = 2 ** 20;

/** In the origin's private file system; `undefined` if there is none: Node, private windows, sandboxed frames. */
export async function createPrivateFile(): Promise<PrivateFile | undefined> {
  const name = globalThis.crypto.randomUUID();
  let release: () => void = () => undefined;
  try {
    const root = await globalThis.navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    await removeOrphans(folder);
    release = await hold(name);
    const file = await folder.getFileHandle(name, { create: true });
    const writer = await file.createWritable();
    const waiting: Uint8Array[] = [];
    let length = 0;
    const flush = async () => {
      length = 0;
      await writer.write(join(waiting.splice(0)));
    };
    return {
      write: async (bytes) => {
        waiting.push(bytes);
        length += bytes.length;
        if (length >= WRITE_BYTES) await flush();
      },
      close: async () => {
        await flush();
        await writer.close();
        return file.getFile();
      },
      remove: async () => {
        await writer.abort().catch(() => undefined);
        await folder.removeEntry(name).catch(() => undefined);
        release();
      },
    };
  } catch {
    release();
    return undefined;
  }
}

/** Removes the files of pages that were closed during an upload: those without a lock. */
async function removeOrphans(folder: FileSystemDirectoryHandle): Promise<void> {
  for await (const entry of folder.keys()) {
    await globalThis.navigator.locks.request(lockOf(entry), { ifAvailable: true }, async (lock) => {
      // Another tab may be removing it at the same time.
      if (lock) await folder.removeEntry(entry).catch(() => undefined);
    });
  }
}

/** Holds the lock of that file while the page lives; returns a function that releases it. */
function hold(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = () => new Promise<void>((release) => resolve(release));
    globalThis.navigator.locks.request(lockOf(name), held).catch(reject);
  });
}

function lockOf(entry: string): string {
  return `${FOLDER}/${NAME.exec(entry)![0]}`;
}
