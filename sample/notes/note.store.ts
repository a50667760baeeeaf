import type { RedisClientType } from 'redis';
import type { FileInfo } from '../files/file.store.js';

export interface Note {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly createdAt: string;
  readonly file?: FileInfo;
}

/** Where notes are kept, each with its owner. */
export abstract class NoteStore {
  /** The oldest first. */
  abstract all(owner: string): Promise<Note[]>;
  abstract find(owner: string, id: string): Promise<Note | undefined>;
  abstract add(owner: string, note: Note): Promise<void>;
  abstract remove(owner: string, id: string): Promise<void>;
}

/** How many notes are kept in memory, of all owners together; then the oldest goes. */
const MAX_NOTES = 5_000;

export class MemoryNotes extends NoteStore {
  private readonly notes = new Map<string, { owner: string; note: Note }>();

  async all(owner: string): Promise<Note[]> {
    return [...this.notes.values()].filter((entry) => entry.owner === owner).map((entry) => entry.note);
  }

  async find(owner: string, id: string): Promise<Note | undefined> {
    const entry = this.notes.get(id);
    return entry?.owner === owner ? entry.note : undefined;
  }

  async add(owner: string, note: Note): Promise<void> {
    this.notes.set(note.id, { owner, note });
    if (this.notes.size > MAX_NOTES) this.notes.delete(this.notes.keys().next().value!);
  }

  async remove(_owner: string, id: string): Promise<void> {
    this.notes.delete(id);
  }
}

/** How long Redis keeps an owner's notes after the last one was written, in seconds. */
const KEPT_SECONDS = 86_400;

/** One hash for each owner. */
export class RedisNotes extends NoteStore {
  constructor(private readonly redis: Pick<RedisClientType, 'hGet' | 'hGetAll' | 'hDel' | 'multi'>) {
    super();
  }

  async all(owner: string): Promise<Note[]> {
    const notes = Object.values(await this.redis.hGetAll(keyOf(owner))).map((text) => JSON.parse(text) as Note);
    return notes.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  async find(owner: string, id: string): Promise<Note | undefined> {
    const text = await this.redis.hGet(keyOf(owner), id);
    return text == null ? undefined : (JSON.parse(text) as Note);
  }

  async add(owner: string, note: Note): Promise<void> {
    const key = keyOf(owner);
    await this.redis.multi().hSet(key, note.id, JSON.stringify(note)).expire(key, KEPT_SECONDS).exec();
  }

  async remove(owner: string, id: string): Promise<void> {
    await this.redis.hDel(keyOf(owner), id);
  }
}

function keyOf(owner: string): string {
  return `notes:${owner}`;
}
