import multipart from '@fastify/multipart';
import {
  applyDecorators,
  Body,
  Controller,
  Get,
  Header,
  Param,
  Post,
  Query,
  Req,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
  type INestApplication,
} from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiProduces,
  ApiProperty,
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { Encrypted } from '../../../../src/index.js';
import type { PlatformName, Setup } from '../../../integration/e2e/support/apps.js';

class CreateNote {
  @ApiProperty()
  title!: string;
}

class Note {
  @ApiProperty()
  id!: number;
  @ApiProperty()
  title!: string;
}

class Stored {
  @ApiProperty()
  id!: string;
}

class Upload {
  @ApiProperty({ type: 'string', format: 'binary' })
  file!: unknown;
}

interface WithNotes {
  session: { notes?: Note[] };
}

/** Each session has its own notes, so that a mix-up of two users shows. */
@Controller('notes')
@Encrypted()
class NotesController {
  @Post()
  @ApiCreatedResponse({ type: Note })
  create(@Req() { session }: WithNotes, @Body() { title }: CreateNote): Note {
    const notes = (session.notes ??= []);
    const note = Object.assign(new Note(), { id: notes.length + 1, title });
    session.notes = [...notes, note];
    return note;
  }

  @Get()
  @ApiOkResponse({ type: [Note] })
  find(@Req() { session }: WithNotes, @Query('search') search?: string): Note[] {
    return (session.notes ?? []).filter(({ title }) => title.includes(search ?? ''));
  }
}

/** What the document says of an upload. */
const ApiUpload = () =>
  applyDecorators(ApiConsumes('multipart/form-data'), ApiBody({ type: Upload }), ApiCreatedResponse({ type: Stored }));

const files: { type: string; content: Buffer }[] = [];
const keep = (type: string, content: Buffer): Stored =>
  Object.assign(new Stored(), { id: `${files.push({ type, content })}` });

@Controller('files')
@Encrypted()
class DownloadController {
  @Get(':id')
  @ApiProduces('application/octet-stream')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @Header('Content-Disposition', 'attachment')
  download(@Param('id') id: string): StreamableFile {
    const { type, content } = files[Number(id) - 1]!;
    return new StreamableFile(content, { type, length: content.length });
  }
}

@Controller('files')
@Encrypted()
class MulterController {
  @Post()
  @ApiUpload()
  @UseInterceptors(FileInterceptor('file'))
  upload(@UploadedFile() { mimetype, buffer }: { mimetype: string; buffer: Buffer }): Stored {
    return keep(mimetype, buffer);
  }
}

@Controller('files')
@Encrypted()
class MultipartController {
  @Post()
  @ApiUpload()
  async upload(
    @Req() request: { file(): Promise<{ mimetype: string; toBuffer(): Promise<Buffer> }> },
  ): Promise<Stored> {
    const part = await request.file();
    return keep(part.mimetype, await part.toBuffer());
  }
}

/** The API that the recipes call: `/notes` of a session, and `/files`. Pages of other origins may call it too. */
export const API: Record<PlatformName, Setup> = {
  express: {
    controllers: [NotesController, DownloadController, MulterController],
    configure: (nest) => nest.enableCors({ origin: true, credentials: true }),
  },
  fastify: {
    controllers: [NotesController, DownloadController, MultipartController],
    configure: async (nest) => {
      nest.enableCors({ origin: true, credentials: true });
      await (nest as NestFastifyApplication).register(multipart);
    },
  },
};

/** The plain document, as code generators read it. */
export function documentOf(nest: INestApplication): OpenAPIObject {
  const operationIdFactory = (controller: string, method: string) =>
    `${controller.startsWith('Notes') ? 'notes' : 'files'}${method[0]!.toUpperCase()}${method.slice(1)}`;
  return SwaggerModule.createDocument(nest, new DocumentBuilder().setTitle('Notes').build(), { operationIdFactory });
}
