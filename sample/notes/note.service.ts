import { randomUUID } from 'node:crypto';
import { Injectable, NotFoundException } from '@nestjs/common';
import type { CreateNoteDto } from './create-note.dto.js';

export interface Note {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly createdAt: string;
}

/** How many notes are kept in memory, of all owners together; then the oldest goes. */
const MAX_NOTES = 5_000;

@Injectable()
export class NoteService {
  private readonly notes = new Map<string, { owner: string; note: Note }>();

  list(owner: string, search = ''): Note[] {
    const wanted = search.toLowerCase();
    return [...this.notes.values()]
      .filter((entry) => entry.owner === owner)
      .map((entry) => entry.note)
      .filter(({ title, body }) => `${title}\n${body}`.toLowerCase().includes(wanted));
  }

  create(owner: string, { title, body }: CreateNoteDto): Note {
    const note = { id: randomUUID(), title, body, createdAt: new Date().toISOString() };
    this.notes.set(note.id, { owner, note });
    if (this.notes.size > MAX_NOTES) this.notes.delete(this.notes.keys().next().value!);
    return note;
  }

  find(owner: string, id: string): Note {
    const entry = this.notes.get(id);
    if (entry?.owner !== owner) throw new NotFoundException('No such note');
    return entry.note;
  }

  remove(owner: string, id: string): void {
    this.notes.delete(this.find(owner, id).id);
  }
}
