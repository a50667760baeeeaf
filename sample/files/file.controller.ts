import { Controller, Get, Param, Req, StreamableFile } from '@nestjs/common';
import type { Request } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { FileStore, type FileInfo } from './file.store.js';

/** Downloads as in any Nest application: bytes go through as they come, and are sealed on the way. */
@Controller('files')
@Encrypted()
export class FileController {
  constructor(private readonly files: FileStore) {}

  @Get()
  list(@Req() req: Request): Promise<FileInfo[]> {
    return this.files.list(ownerOf(req));
  }

  @Get(':id')
  async download(@Req() req: Request, @Param('id') id: string): Promise<StreamableFile> {
    const { record, content } = await this.files.open(ownerOf(req), id);
    // As a download, whatever it is: what a user uploads is never shown as a page of this site.
    return new StreamableFile(content, {
      length: record.size,
      type: record.type,
      disposition: attachment(record.name),
    });
  }
}

/** The name in ASCII, and whole (RFC 6266, RFC 8187). */
function attachment(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '?');
  const whole = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"${ascii === name ? '' : `; filename*=UTF-8''${whole}`}`;
}
