import { randomUUID } from 'node:crypto';
import { Injectable, NotFoundException } from '@nestjs/common';
import { FileStore } from '../files/file.store.js';
import type { CreateNoteDto } from './create-note.dto.js';
import { NoteStore, type Note } from './note.store.js';

@Injectable()
export class NoteService {
  constructor(
    private readonly store: NoteStore,
    private readonly files: FileStore,
  ) {}

  async list(owner: string, search = ''): Promise<Note[]> {
    const wanted = search.toLowerCase();
    const notes = await this.store.all(owner);
    return notes.filter(({ title, body }) => `${title}\n${body}`.toLowerCase().includes(wanted));
  }

  async create(owner: string, { title, body, fileId }: CreateNoteDto): Promise<Note> {
    const file = fileId === undefined ? undefined : await this.files.find(owner, fileId);
    const note = { id: randomUUID(), title, body, createdAt: new Date().toISOString(), ...(file && { file }) };
    await this.store.add(owner, note);
    return note;
  }

  async find(owner: string, id: string): Promise<Note> {
    const note = await this.store.find(owner, id);
    if (!note) throw new NotFoundException('No such note');
    return note;
  }

  async remove(owner: string, id: string): Promise<void> {
    const note = await this.find(owner, id);
    await this.store.remove(owner, note.id);
  }
}
