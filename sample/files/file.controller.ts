import {
  BadRequestException,
  Controller,
  Get,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { FileStore, MAX_FILE_BYTES, type FileInfo } from './file.store.js';

/** Uploads and downloads as in any Nest application: bytes go through as they come, and are sealed on the way. */
@Controller('files')
@Encrypted()
export class FileController {
  constructor(private readonly files: FileStore) {}

  /** The file `file` of a form; or any other body as it is, with its name in the query. */
  @Post()
  // What the wire adds to a file: frames, and a form's own lines.
  @Encrypted({ maxStreamSize: MAX_FILE_BYTES + 1024 * 1024 })
  @UseInterceptors(FileInterceptor('file'))
  async create(
    @Req() req: Request,
    @UploadedFile() file?: { readonly info: FileInfo },
    @Query('name') name?: unknown,
  ): Promise<FileInfo> {
    if (file) return file.info;
    if (req.is('multipart')) throw new BadRequestException('The form has no file "file"');
    const type = req.get('content-type') ?? 'application/octet-stream';
    return this.files.add(ownerOf(req), typeof name === 'string' ? name : 'file', type, req);
  }

  @Get()
  list(@Req() req: Request): Promise<FileInfo[]> {
    return this.files.list(ownerOf(req));
  }

  @Get(':id')
  async download(
    @Req() req: Request,
    @Res({ passthrough: true }) res: Response,
    @Param('id') id: string,
  ): Promise<StreamableFile> {
    const { record, content } = await this.files.open(ownerOf(req), id);
    // As a download, whatever it is: what a user uploads is never shown as a page of this site.
    res.attachment(record.name).type(record.type);
    return new StreamableFile(content, { length: record.size });
  }
}
