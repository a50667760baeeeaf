import type { Readable } from 'node:stream';
import { BadRequestException, Controller, Post, Query, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { FileStore, MAX_UPLOAD_BYTES, type FileInfo } from './file.store.js';

/** A request of Fastify, with what @fastify/multipart adds to it. */
interface FormRequest {
  readonly headers: Request['headers'];
  readonly body: unknown;
  readonly raw: Readable;
  isMultipart(): boolean;
  file(): Promise<FormFile | undefined>;
}

interface FormFile {
  readonly fieldname: string;
  readonly filename: string;
  readonly mimetype: string;
  readonly file: Readable;
}

/** Uploads on Fastify: forms are read by @fastify/multipart. */
@Controller('files')
@Encrypted({ maxStreamSize: MAX_UPLOAD_BYTES })
export class FastifyUploadController {
  constructor(private readonly files: FileStore) {}

  /** The file `file` of a form; or any other body as it is, with its name in the query. */
  @Post()
  async create(@Req() req: FormRequest & Request, @Query('name') name?: unknown): Promise<FileInfo> {
    if (req.isMultipart()) {
      const part = await req.file();
      if (part?.fieldname !== 'file') throw new BadRequestException('The form has no file "file"');
      return this.files.add(ownerOf(req), part.filename, part.mimetype, part.file);
    }
    const type = req.headers['content-type'] ?? 'application/octet-stream';
    const body = (req.body ?? req.raw) as Readable;
    return this.files.add(ownerOf(req), typeof name === 'string' ? name : 'file', type, body);
  }
}
