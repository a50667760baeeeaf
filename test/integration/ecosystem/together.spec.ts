import { expect, it } from '@jest/globals';
import fastifyCompress from '@fastify/compress';
import fastifyHelmet from '@fastify/helmet';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  Body,
  ClassSerializerInterceptor,
  Controller,
  Get,
  Injectable,
  Post,
  SetMetadata,
  UseInterceptors,
  ValidationPipe,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Exclude } from 'class-transformer';
import { IsString } from 'class-validator';
import compression from 'compression';
import helmet from 'helmet';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

const SECRET = 'what tokens are signed with, in this test';
const ORIGIN = 'https://app.example';

class NoteDto {
  @IsString()
  text!: string;
}
class Note {
  @Exclude()
  readonly owner = 'hidden-owner';
  constructor(readonly text: string) {}
}

@Injectable()
class Jwt extends PassportStrategy(Strategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: SECRET });
  }
  validate(claims: object): object {
    return claims;
  }
}

@Controller({ path: 'notes', version: '1' })
@Encrypted()
class NoteController {
  #runs = 0;

  @Post()
  create(@Body() { text }: NoteDto): Note {
    return new Note(text);
  }
  @Get()
  @UseInterceptors(CacheInterceptor)
  find(): Note {
    return new Note(`canary of run ${++this.#runs}`);
  }
}

/** Takes whoever brings a token; but for what is public, as the handshake is. */
class Authenticated extends AuthGuard('jwt') {
  override canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
    return Reflect.hasMetadata('public', context.getClass()) || super.canActivate(context);
  }
}

onEachPlatform('An application with all of it at once', (platform) => {
  const app = useApp(platform, {
    imports: [PassportModule, JwtModule.register({ secret: SECRET }), CacheModule.register()],
    controllers: [NoteController],
    e2e: { decorators: [SetMetadata('public', true)] },
    providers: [
      Jwt,
      { provide: APP_GUARD, useClass: Authenticated },
      { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }) },
      { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor },
    ],
    configure: async (nest) => {
      nest.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI });
      nest.enableCors({ origin: ORIGIN, credentials: true });
      if (platform === 'express') {
        nest.use(helmet(), compression({ threshold: 0 }));
        return;
      }
      const fastify = nest as NestFastifyApplication;
      await fastify.register(fastifyHelmet);
      await fastify.register(fastifyCompress, { threshold: 0 });
    },
  });

  it('works as if nothing were sealed, and everything is', async () => {
    const agent = await e2eAgent(app().url, { path: 'api/e2e' });
    const path = '/api/v1/notes';
    const text = 'canary-7f3a91 '.repeat(100);
    await agent.post(path).send({ text }).expectSealed().expect(401);

    const token = app().get(JwtService).sign({ sub: 'ada' });
    agent.set('authorization', `Bearer ${token}`).set('origin', ORIGIN).set('accept-encoding', 'gzip');
    await agent
      .post(path)
      .send({ text: 7, more: true })
      .expectSealed()
      .expect(400, /text must be a string/);
    const made = await agent.post(path).send({ text }).expectSealed().expect(201, { text });
    expect(made.headers).toMatchObject({
      'content-security-policy': expect.any(String),
      'access-control-allow-origin': ORIGIN,
    });
    for (let times = 0; times < 3; times++) {
      await agent.get(path).expectSealed().expect(200, { text: 'canary of run 1' });
    }
    await agent.get('/api/v2/notes').expect(404);
  });
});
