import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { E2eModule } from 'nestjs-e2e-encryption';
import { AuthController } from './auth/auth.controller.js';
import { UserService } from './auth/user.service.js';
import { PlainController } from './demo/plain.controller.js';
import { SealedController } from './demo/sealed.controller.js';
import { NoteController } from './notes/note.controller.js';
import { NoteService } from './notes/note.service.js';
import { PageController } from './page/page.controller.js';
import { deviceBinding } from './settings.js';

const { E2E_SECRET, E2E_IDENTITY_KEY, SESSION_SECRET } = process.env;

@Module({
  imports: [
    E2eModule.forRoot({
      // What is not configured is made fresh at each start: clients then shake hands again after a restart.
      secret: E2E_SECRET || randomBytes(32).toString('base64url'),
      session: { secret: SESSION_SECRET || randomBytes(32).toString('base64url') },
      // PEM from an environment variable often has its line breaks written as \n.
      identityKey: E2E_IDENTITY_KEY?.replaceAll('\\n', '\n') || generateKeyPairSync('ed25519').privateKey,
      deviceBinding,
      // So that any JOSE library can talk to the sample; such messages do not prove who sent them.
      allowPlainJwe: true,
    }),
  ],
  // The page last: its one-segment paths would stand before /health.
  controllers: [AuthController, NoteController, SealedController, PlainController, PageController],
  providers: [
    UserService,
    NoteService,
    { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }) },
  ],
})
export class AppModule {}
