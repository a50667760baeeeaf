import type { Readable } from 'node:stream';
import { BadRequestException, Controller, Post, Query, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { FileStore, MAX_UPLOAD_BYTES, type FileInfo, type Received } from './file.store.js';

/** A request of Fastify, with what @fastify/multipart adds to it. */
interface FormRequest {
  readonly headers: Request['headers'];
  readonly body: unknown;
  readonly raw: Readable;
  isMultipart(): boolean;
  parts(): AsyncIterable<FormPart>;
}

type FormPart = FormFile | { readonly type: 'field' };

interface FormFile {
  readonly type: 'file';
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
      return this.files.keep(ownerOf(req), await this.receive(req));
    }
    const type = req.headers['content-type'] ?? 'application/octet-stream';
    const body = (req.body ?? req.raw) as Readable;
    return this.files.add(ownerOf(req), typeof name === 'string' ? name : 'file', type, body);
  }

  /** Reads the form to its end: until then, the rest of it may still turn out to be missing. */
  private async receive(req: FormRequest): Promise<Received> {
    let received: Received | undefined;
    try {
      for await (const part of req.parts()) {
        if (part.type === 'field') continue;
        if (received || part.fieldname !== 'file') {
          throw new BadRequestException('The form has another file than "file"');
        }
        received = await this.files.receive(part.filename, part.mimetype, part.file);
      }
    } catch (error) {
      if (received) await this.files.remove(received.id);
      throw error;
    }
    if (!received) throw new BadRequestException('The form has no file "file"');
    return received;
  }
}
