import { Injectable } from '@nestjs/common';
import type { MulterModuleOptions, MulterOptionsFactory } from '@nestjs/platform-express';
import type { Request } from 'express';
import type { Readable } from 'node:stream';
import { ownerOf } from '../session.js';
import { FileStore, MAX_FILE_BYTES, type FileInfo } from './file.store.js';

interface Incoming {
  readonly originalname: string;
  readonly mimetype: string;
  readonly stream: Readable;
}

type Done = (error: unknown, result?: { info: FileInfo }) => void;

/** Has multer write the files of a form into the store, as they come. */
@Injectable()
export class MulterFiles implements MulterOptionsFactory {
  constructor(private readonly files: FileStore) {}

  createMulterOptions(): MulterModuleOptions {
    return {
      // Browsers write names in UTF-8.
      defParamCharset: 'utf8',
      limits: { files: 1, fileSize: MAX_FILE_BYTES },
      storage: {
        _handleFile: (req: Request, { originalname, mimetype, stream }: Incoming, done: Done) => {
          this.files.add(ownerOf(req), originalname, mimetype, stream).then((info) => done(null, { info }), done);
        },
        // Where the rest of the form is not in order.
        _removeFile: (_req: Request, { info }: { info?: FileInfo }, done: (error: unknown) => void) => {
          (info ? this.files.remove(info.id) : Promise.resolve()).then(() => done(null), done);
        },
      },
    };
  }
}
