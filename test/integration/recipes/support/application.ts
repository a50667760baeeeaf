import multipart from '@fastify/multipart';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Header,
  NotFoundException,
  Param,
  Post,
  Query,
  Req,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Readable } from 'node:stream';
import { Encrypted } from '../../../../src/index.js';
import type { PlatformName, Setup } from '../../e2e/support/apps.js';

interface Kept {
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
}

const CHUNK_BYTES = 50_000;
const kept: Kept[] = [];

function keep(file: Kept): object {
  return { id: `${kept.push(file)}` };
}

@Controller('notes')
@Encrypted()
class NoteController {
  readonly #notes: { id: number; title: string }[] = [];

  @Post()
  create(@Body() { title }: { title?: string }): object {
    if (!title) throw new BadRequestException('no title');
    const note = { id: this.#notes.length + 1, title };
    this.#notes.push(note);
    return note;
  }

  @Get()
  find(@Query('search') search: string): object[] {
    return this.#notes.filter(({ title }) => title === search);
  }
}

@Controller('files')
@Encrypted()
class FileController {
  @Get(':id')
  @Header('Content-Disposition', 'attachment; filename="file.bin"')
  get(@Param('id') id: string): StreamableFile {
    const file = kept[Number(id) - 1];
    if (!file) throw new NotFoundException('no such file');
    const { type, content } = file;
    const chunks = Array.from({ length: Math.ceil(content.length / CHUNK_BYTES) }, (_, index) =>
      content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
    );
    return new StreamableFile(Readable.from(chunks, { objectMode: false }), { type, length: content.length });
  }
}

@Controller('files')
@Encrypted()
class MulterController {
  @Post()
  @UseInterceptors(FileInterceptor('file'))
  upload(@UploadedFile() file: { originalname: string; mimetype: string; buffer: Buffer }): object {
    return keep({ name: file.originalname, type: file.mimetype, content: file.buffer });
  }
}

@Controller('files')
@Encrypted()
class FormController {
  @Post()
  async upload(
    @Req() request: { file(): Promise<{ filename: string; mimetype: string; toBuffer(): Promise<Buffer> }> },
  ): Promise<object> {
    const part = await request.file();
    return keep({ name: part.filename, type: part.mimetype, content: await part.toBuffer() });
  }
}

/** What the recipes talk to: `POST /notes`, `GET /notes?search=`, `POST /files` (a form), `GET /files/:id`. */
export const RECIPES: Record<PlatformName, Setup> = {
  express: { controllers: [NoteController, FileController, MulterController] },
  fastify: {
    controllers: [NoteController, FileController, FormController],
    configure: (nest) => (nest as NestFastifyApplication).register(multipart, { limits: { fileSize: 2 ** 24 } }),
  },
};
