import { Module } from '@nestjs/common';
import { MulterModule } from '@nestjs/platform-express';
import { FileStore } from './file.store.js';
import { MulterFiles } from './multer-files.js';

@Module({ providers: [FileStore], exports: [FileStore] })
class FileStoreModule {}

/** The store, and multer that writes into it. */
@Module({
  imports: [FileStoreModule, MulterModule.registerAsync({ imports: [FileStoreModule], useClass: MulterFiles })],
  exports: [FileStoreModule, MulterModule],
})
export class FilesModule {}
