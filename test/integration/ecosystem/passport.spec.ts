import { expect, it } from '@jest/globals';
import {
  type CanActivate,
  type ExecutionContext,
  Body,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Post,
  Req,
  UseGuards,
} from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { AuthGuard, PassportModule, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt';
import { Strategy as LocalStrategy } from 'passport-local';
import { Encrypted, KeyService } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { SECRET as CHANNEL_SECRET, useOwnSession } from '../e2e/support/sessions.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';

const SECRET = 'what tokens are signed with, in this test';
const ADA = { username: 'ada', password: CANARY };

interface User {
  readonly name: string;
}
interface WithUser {
  user?: User;
  readonly session: { readonly passport?: { readonly user: User } };
  logIn(user: User, options: object, done: (error?: Error) => void): void;
}

@Injectable()
class Local extends PassportStrategy(LocalStrategy) {
  validate(name: string, password: string): User | false {
    return name === ADA.username && password === ADA.password && { name };
  }
}

@Injectable()
class Jwt extends PassportStrategy(JwtStrategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: SECRET });
  }
  validate({ name }: User): User {
    return { name };
  }
}

@Injectable()
class Serializer extends PassportSerializer {
  serializeUser(user: User, done: (error: null, user: User) => void): void {
    done(null, user);
  }
  deserializeUser(user: User, done: (error: null, user: User) => void): void {
    done(null, user);
  }
}

/** On Express `passport.session()` has put the user there; on Fastify, which has no such middleware, the guard does. */
@Injectable()
class LoggedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<WithUser>();
    request.user ??= request.session.passport?.user;
    return request.user !== undefined;
  }
}

@Controller('auth')
@Encrypted()
class AuthController {
  constructor(
    private readonly jwt: JwtService,
    private readonly keys: KeyService,
  ) {}

  @Post('token')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  token(@Req() { user }: Required<WithUser>): object {
    return { token: this.jwt.sign({ name: user.name }) };
  }

  /** Passport's own login makes a new session; the channel is carried over to it. */
  @Post('session')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  async login(@Req() request: Required<WithUser>): Promise<object> {
    const logIn = () =>
      new Promise<void>((resolve, reject) => {
        request.logIn(request.user, {}, (error) => (error ? reject(error) : resolve()));
      });
    await this.keys.carryOver(request, logIn);
    return request.user;
  }

  @Get('session')
  @UseGuards(LoggedIn)
  session(@Req() { user }: WithUser): object {
    return { user };
  }

  @Post('notes')
  @UseGuards(AuthGuard('jwt'))
  create(@Req() { user }: Required<WithUser>, @Body() note: object): object {
    return { by: user.name, note };
  }
}

onEachPlatform('@nestjs/passport and @nestjs/jwt', (platform) => {
  const app = useApp(platform, {
    imports: [PassportModule.register({}), JwtModule.register({ secret: SECRET })],
    controllers: [AuthController],
    providers: [Local, Jwt, Serializer],
    e2e: { secret: CHANNEL_SECRET },
    configure: async (nest) => {
      await useOwnSession(nest, platform);
      if (platform === 'express') nest.use(passport.session());
    },
  });

  it('local: takes name and password from the sealed body', async () => {
    app().tap.clear();
    const agent = await e2eAgent(app().url);
    await agent
      .post('/auth/token')
      .send(ADA)
      .expect(200, /^{"token":"ey/);
    await agent.post('/auth/token').type('form').send(ADA).expect(200);
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('local: its 401 is sealed', async () => {
    const agent = await e2eAgent(app().url);
    for (const wrong of [{ ...ADA, password: 'guess-1234' }, {}]) {
      await agent
        .post('/auth/token')
        .send(wrong)
        .expectSealed()
        .expect(401, { statusCode: 401, message: 'Unauthorized' });
    }
  });

  it('jwt: knows the bearer, whose header travels in the clear', async () => {
    const agent = await e2eAgent(app().url);
    const { token } = (await agent.post('/auth/token').send(ADA)).body as { token: string };
    app().tap.clear();
    await agent
      .post('/auth/notes')
      .auth(token, { type: 'bearer' })
      .send({ text: CANARY })
      .expect(201, { by: 'ada', note: { text: CANARY } });
    expect(app().tap.text).toContain(token);
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('jwt: its 401 is sealed, without a token and with a forged one', async () => {
    const agent = await e2eAgent(app().url);
    await agent.post('/auth/notes').send({ text: CANARY }).expectSealed().expect(401);
    const forged = new JwtService({ secret: 'of somebody else' }).sign({ name: 'ada' });
    await agent.post('/auth/notes').auth(forged, { type: 'bearer' }).send({ text: CANARY }).expectSealed().expect(401);
  });

  it('session: a login makes a new session, and the channel goes on in it', async () => {
    const agent = await e2eAgent(app().url);
    await agent.get('/auth/session').expectSealed().expect(403);
    app().tap.clear();
    await agent.post('/auth/session').send(ADA).expect(200, { name: 'ada' });
    expect(app().tap.text).toMatch(/^set-cookie: own\.sid=/im);
    await agent.get('/auth/session').expect(200, { user: { name: 'ada' } });
    expect(app().tap.text).not.toContain('/e2e/handshake');
  });
});
