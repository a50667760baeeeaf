import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { CreateNoteDto } from './create-note.dto.js';
import { NoteService } from './note.service.js';
import type { Note } from './note.store.js';

/** An ordinary controller, but for one line: `@Encrypted()`. */
@Controller('notes')
@Encrypted()
export class NoteController {
  constructor(private readonly notes: NoteService) {}

  @Get()
  list(@Req() req: Request, @Query('search') search?: unknown): Promise<Note[]> {
    return this.notes.list(ownerOf(req), typeof search === 'string' ? search : undefined);
  }

  @Post()
  create(@Req() req: Request, @Body() dto: CreateNoteDto): Promise<Note> {
    return this.notes.create(ownerOf(req), dto);
  }

  @Get(':id')
  find(@Req() req: Request, @Param('id') id: string): Promise<Note> {
    return this.notes.find(ownerOf(req), id);
  }

  @Delete(':id')
  @HttpCode(204)
  remove(@Req() req: Request, @Param('id') id: string): Promise<void> {
    return this.notes.remove(ownerOf(req), id);
  }
}
