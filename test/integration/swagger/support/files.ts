import {
  Body,
  Controller,
  Get,
  Header,
  Post,
  Req,
  Sse,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiCreatedResponse, ApiOkResponse, ApiProduces } from '@nestjs/swagger';
import { FileInterceptor } from '@nestjs/platform-express';
import { createHash } from 'node:crypto';
import { map, take, timer, type Observable } from 'rxjs';
import { Encrypted } from '../../../../src/index.js';

const FILE = { type: 'string', format: 'binary' } as const;
const FORM = { type: 'object', properties: { file: FILE, note: { type: 'string' } } } as const;

interface Stored {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly note?: unknown;
}

let file: Buffer = Buffer.alloc(0);
let name = '';

function store(bytes: Buffer, filename: string, note: unknown): Stored {
  [file, name] = [bytes, filename];
  return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), note };
}

/** Files in frames, as both platforms have them: each gives its own way to take one in. */
abstract class FileController {
  @Get()
  @Header('content-type', 'application/pdf')
  @ApiOkResponse({ content: { 'application/pdf': { schema: FILE } } })
  download(): StreamableFile {
    return new StreamableFile(file, { disposition: `attachment; filename="${name}"`, length: file.length });
  }

  @Get('either')
  @ApiProduces('application/json', 'image/png')
  @ApiOkResponse({ schema: { type: 'object' } })
  either(): object {
    return {};
  }

  @Sse('events')
  live(): Observable<object> {
    return timer(0, 1).pipe(
      take(3),
      map((n) => ({ id: String(n + 1), data: { n } })),
    );
  }

  @Sse('typed')
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  typed(): Observable<object> {
    return this.live();
  }
}

@Encrypted()
@Controller('files')
export class ExpressFileController extends FileController {
  @Post()
  @UseInterceptors(FileInterceptor('file'))
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: FORM })
  @ApiCreatedResponse({ schema: { type: 'object' } })
  upload(
    @UploadedFile() { buffer, originalname }: { buffer: Buffer; originalname: string },
    @Body() { note }: { note?: string },
  ): Stored {
    return store(buffer, originalname, note);
  }
}

interface Multipart {
  readonly filename: string;
  readonly fields: Readonly<Record<string, { readonly value?: unknown } | undefined>>;
  toBuffer(): Promise<Buffer>;
}

@Encrypted()
@Controller('files')
export class FastifyFileController extends FileController {
  @Post()
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: FORM })
  @ApiCreatedResponse({ schema: { type: 'object' } })
  async upload(@Req() request: { file(): Promise<Multipart> }): Promise<Stored> {
    const part = await request.file();
    return store(await part.toBuffer(), part.filename, part.fields.note?.value);
  }
}
