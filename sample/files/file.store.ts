import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Injectable, NotFoundException, PayloadTooLargeException, type OnApplicationShutdown } from '@nestjs/common';
import { filesFolder } from '../settings.js';

export const MAX_FILE_BYTES = 100 * 1024 * 1024;
/** On the wire: with frames, and a form's own lines. */
export const MAX_UPLOAD_BYTES = MAX_FILE_BYTES + 1024 * 1024;
/** How many files are kept, of all owners together; then the oldest goes. */
const MAX_FILES = 100;

export interface FileInfo {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** The content of a file that is on disk, and not yet anybody's. */
export interface Received extends FileInfo {
  readonly type: string;
}

interface FileRecord extends Received {
  readonly owner: string;
  readonly createdAt: string;
}

/** Files on disk, each beside a record that says whose it is. A record is written last: without one there is no file. */
@Injectable()
export class FileStore implements OnApplicationShutdown {
  /** @throws what the source throws; nothing of the file is kept then. */
  async add(owner: string, name: string, type: string, source: Readable): Promise<FileInfo> {
    return this.keep(owner, await this.receive(name, type, source));
  }

  /**
   * Writes the content alone, for a request that may still fail: `keep` or `remove` has to follow.
   *
   * @throws what the source throws; nothing of the file is left then.
   */
  async receive(name: string, type: string, source: Readable): Promise<Received> {
    await mkdir(filesFolder.path, { recursive: true, mode: 0o700 });
    const id = randomUUID();
    const hash = createHash('sha256');
    let size = 0;
    async function* measure(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > MAX_FILE_BYTES) throw new PayloadTooLargeException('A file has at most 100 MiB');
        hash.update(chunk);
        yield chunk;
      }
    }
    try {
      await pipeline(source, measure, createWriteStream(pathOf(id), { mode: 0o600 }));
    } catch (error) {
      await rm(pathOf(id), { force: true });
      throw error;
    }
    return { id, name, size, sha256: hash.digest('hex'), type };
  }

  async keep(owner: string, received: Received): Promise<FileInfo> {
    const record = { ...received, owner, createdAt: new Date().toISOString() };
    try {
      await this.write(record);
    } catch (error) {
      await this.remove(record.id);
      throw error;
    }
    await this.removeOldest();
    return infoOf(record);
  }

  /** The oldest first. */
  async list(owner: string): Promise<FileInfo[]> {
    const records = await this.records();
    return records.filter((record) => record.owner === owner).map(infoOf);
  }

  async find(owner: string, id: string): Promise<FileInfo> {
    return infoOf(await this.record(owner, id));
  }

  async open(owner: string, id: string): Promise<{ record: FileRecord; content: ReadStream }> {
    const record = await this.record(owner, id);
    return { record, content: createReadStream(pathOf(record.id)) };
  }

  async remove(id: string): Promise<void> {
    await rm(recordPathOf(id), { force: true });
    await rm(pathOf(id), { force: true });
  }

  async onApplicationShutdown(): Promise<void> {
    if (filesFolder.isTemporary) await rm(filesFolder.path, { recursive: true, force: true });
  }

  private async record(owner: string, id: string): Promise<FileRecord> {
    const records = await this.records();
    const record = records.find((candidate) => candidate.id === id && candidate.owner === owner);
    if (!record) throw new NotFoundException('No such file');
    return record;
  }

  private async records(): Promise<FileRecord[]> {
    const names = await readdir(filesFolder.path).catch(() => []);
    const records = await Promise.all(names.filter((name) => name.endsWith('.json')).map(readRecord));
    return records.filter((record) => record !== undefined).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** Whole or not at all, for readers at the same time. */
  private async write(record: FileRecord): Promise<void> {
    const path = recordPathOf(record.id);
    await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  private async removeOldest(): Promise<void> {
    const records = await this.records();
    await Promise.all(records.slice(0, -MAX_FILES).map(({ id }) => this.remove(id)));
  }
}

function pathOf(id: string): string {
  return join(filesFolder.path, id);
}

function recordPathOf(id: string): string {
  return `${pathOf(id)}.json`;
}

/** `undefined` where it was removed meanwhile. */
async function readRecord(name: string): Promise<FileRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(filesFolder.path, name), 'utf8')) as FileRecord;
  } catch {
    return undefined;
  }
}

function infoOf({ id, name, size, sha256 }: FileRecord): FileInfo {
  return { id, name, size, sha256 };
}
