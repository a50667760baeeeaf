/** A file that nobody but this origin sees: what is written to it is read from disk as it is sent. */
export interface PrivateFile {
  readonly write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** What was written. */
  readonly close: () => Promise<Blob>;
  readonly remove: () => Promise<void>;
}

const FOLDER = 'e2e-uploads';
/** What is older was left behind by a page that was closed in the middle, in milliseconds. */
const LEFT_BEHIND = 24 * 3_600_000;

/** In the origin's private file system; `undefined` where there is none: Node, private windows, sandboxed frames. */
export async function createPrivateFile(): Promise<PrivateFile | undefined> {
  try {
    const root = await globalThis.navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    await clear(folder);
    const name = globalThis.crypto.randomUUID();
    const file = await folder.getFileHandle(name, { create: true });
    const writer = await file.createWritable();
    return {
      write: (bytes) => writer.write(bytes),
      close: async () => {
        await writer.close();
        return file.getFile();
      },
      remove: async () => {
        await writer.abort().catch(() => undefined);
        await folder.removeEntry(name).catch(() => undefined);
      },
    };
  } catch {
    return undefined;
  }
}

async function clear(folder: FileSystemDirectoryHandle): Promise<void> {
  for await (const [name, entry] of folder.entries()) {
    const { lastModified } = await (entry as FileSystemFileHandle).getFile();
    if (lastModified < Date.now() - LEFT_BEHIND) await folder.removeEntry(name);
  }
}
