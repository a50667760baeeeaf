import { BadRequestException, Controller, Post, Query, Req, UploadedFile, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { Request } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { FileStore, MAX_UPLOAD_BYTES, type FileInfo, type Received } from './file.store.js';

/** Uploads on Express: forms are read by multer. */
@Controller('files')
@Encrypted({ maxStreamSize: MAX_UPLOAD_BYTES })
export class MulterUploadController {
  constructor(private readonly files: FileStore) {}

  /** The file `file` of a form; or any other body as it is, with its name in the query. */
  @Post()
  @UseInterceptors(FileInterceptor('file'))
  async create(
    @Req() req: Request,
    @UploadedFile() file?: { readonly received: Received },
    @Query('name') name?: unknown,
  ): Promise<FileInfo> {
    if (file) return this.files.keep(ownerOf(req), file.received);
    if (req.is('multipart')) throw new BadRequestException('The form has no file "file"');
    const type = req.get('content-type') ?? 'application/octet-stream';
    return this.files.add(ownerOf(req), typeof name === 'string' ? name : 'file', type, req);
  }
}
