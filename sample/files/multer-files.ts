import { Injectable } from '@nestjs/common';
import type { MulterModuleOptions, MulterOptionsFactory } from '@nestjs/platform-express';
import type { Request } from 'express';
import type { Readable } from 'node:stream';
import { FileStore, MAX_FILE_BYTES, type Received } from './file.store.js';

interface Incoming {
  readonly originalname: string;
  readonly mimetype: string;
  readonly stream: Readable;
}

type Done = (error: unknown, result?: { received: Received }) => void;

/**
 * Has multer write the files of a form into the store, as they come. The handler keeps them: until then the rest of the
 * form may still turn out to be missing, and multer removes a file only some time after it has answered.
 */
@Injectable()
export class MulterFiles implements MulterOptionsFactory {
  constructor(private readonly files: FileStore) {}

  createMulterOptions(): MulterModuleOptions {
    return {
      // Browsers write names in UTF-8.
      defParamCharset: 'utf8',
      limits: { files: 1, fileSize: MAX_FILE_BYTES },
      storage: {
        _handleFile: (_req: Request, { originalname, mimetype, stream }: Incoming, done: Done) => {
          this.files.receive(originalname, mimetype, stream).then((received) => done(null, { received }), done);
        },
        // Where the rest of the form is not in order.
        _removeFile: (_req: Request, { received }: { received?: Received }, done: (error: unknown) => void) => {
          (received ? this.files.remove(received.id) : Promise.resolve()).then(() => done(null), done);
        },
      },
    };
  }
}
