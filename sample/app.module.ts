import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { E2eModule } from 'nestjs-e2e-encryption';
import { AuthController } from './auth/auth.controller.js';
import { UserService } from './auth/user.service.js';
import { PlainController } from './demo/plain.controller.js';
import { SealedController } from './demo/sealed.controller.js';
import { FileController } from './files/file.controller.js';
import { FilesModule } from './files/files.module.js';
import { LiveGateway } from './live/live.gateway.js';
import { NoteController } from './notes/note.controller.js';
import { NoteService } from './notes/note.service.js';
import { MemoryNotes, NoteStore, RedisNotes } from './notes/note.store.js';
import { PageController } from './page/page.controller.js';
import { StreamController } from './stream/stream.controller.js';
import { deviceBinding, identityKey, redisUrl, secret, sessionSecret } from './settings.js';

// Without Redis everything is in memory, and its packages are not needed.
const redis = redisUrl ? await (await import('./redis.js')).Redis.connect(redisUrl) : undefined;

@Module({
  imports: [
    E2eModule.forRoot({
      secret,
      session: { secret: sessionSecret, ...(redis && { store: redis.store }) },
      identityKey,
      deviceBinding,
      // So that any JOSE library can talk to the sample; such messages do not prove who sent them.
      allowPlainJwe: true,
      ...(redis && { replayGuard: redis.replayGuard }),
    }),
    FilesModule,
  ],
  // The page last: its one-segment paths would stand before /health.
  controllers: [
    AuthController,
    NoteController,
    FileController,
    SealedController,
    StreamController,
    PlainController,
    PageController,
  ],
  providers: [
    UserService,
    NoteService,
    LiveGateway,
    { provide: NoteStore, useFactory: () => (redis ? new RedisNotes(redis.client) : new MemoryNotes()) },
    // Here so that Nest closes it, after the last request.
    ...(redis ? [{ provide: 'Redis', useValue: redis }] : []),
    { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }) },
  ],
})
export class AppModule {}
