import { Module } from '@nestjs/common';
import { MulterModule } from '@nestjs/platform-express';
import { isOnFastify } from '../settings.js';
import { FastifyUploadController } from './fastify-upload.controller.js';
import { FileStore } from './file.store.js';
import { MulterFiles } from './multer-files.js';
import { MulterUploadController } from './multer-upload.controller.js';

@Module({ providers: [FileStore], exports: [FileStore] })
class FileStoreModule {}

/** The store, and multer that writes into it. */
@Module({
  imports: [FileStoreModule, MulterModule.registerAsync({ imports: [FileStoreModule], useClass: MulterFiles })],
  controllers: [MulterUploadController],
  exports: [FileStoreModule],
})
class ExpressFilesModule {}

@Module({ imports: [FileStoreModule], controllers: [FastifyUploadController], exports: [FileStoreModule] })
class FastifyFilesModule {}

export const FilesModule = isOnFastify ? FastifyFilesModule : ExpressFilesModule;
