import { expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Req, UseGuards } from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { errorOf } from '../e2e/support/raw.js';

// The recipe of docs/options.md for an application that verifies its tokens itself, with passport-jwt.

const SECRET = 'what tokens are signed with, in this test';
const NAMES = ['last-event-id', 'authorization'];

@Injectable()
class Jwt extends PassportStrategy(Strategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: SECRET });
  }
  validate({ name }: { name: string }): object {
    return { name };
  }
}

@Encrypted()
@Controller('me')
@UseGuards(AuthGuard('jwt'))
class MeController {
  @Get()
  me(@Req() { user }: { user: object }): object {
    return user;
  }
}

onEachPlatform('passport-jwt, with a sealed authorization header', (platform) => {
  const app = useApp(platform, {
    imports: [PassportModule, JwtModule.register({ secret: SECRET })],
    controllers: [MeController],
    providers: [Jwt],
    e2e: { sealedHeaders: { request: NAMES } },
  });
  const token = (): string => `Bearer ${app().get(JwtService).sign({ name: 'ada' })}`;

  it('finds the user by the token inside, which nobody on the way sees', async () => {
    const client = app().client({ sealHeaders: NAMES });
    const authorization = token();
    app().tap.clear();
    const answer = await client.fetch('/me', { headers: { authorization } });
    expect(await answer.json()).toEqual({ name: 'ada' });
    expect(app().tap.text).not.toMatch(/authorization|Bearer/i);
    expect(app().tap.text).not.toContain(authorization.slice(7, 40));
    expect((await client.fetch('/me')).status).toBe(401);
  });

  it('takes no token from outside a sealed request', async () => {
    const outside = app().client({
      fetch: (input, init = {}) => {
        const headers = new Headers(init.headers);
        headers.set('authorization', token());
        return fetch(input, { ...init, headers });
      },
    });
    expect((await outside.fetch('/me')).status).toBe(401);
  });

  it('rejects one that is inside and outside', async () => {
    const both = app().client({
      sealHeaders: NAMES,
      fetch: (input, init = {}) => {
        const headers = new Headers(init.headers);
        headers.set('authorization', token());
        return fetch(input, { ...init, headers });
      },
    });
    const error = await errorOf(both.fetch('/me', { headers: { authorization: token() } }));
    expect(error).toMatchObject({ problem: 'message-rejected' });
  });
});
