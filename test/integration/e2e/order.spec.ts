import { expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  Module,
  Post,
  Scope,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type NestModule,
  type OnModuleInit,
  type PipeTransform,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE, ApplicationConfig } from '@nestjs/core';
import { map, tap, type Observable } from 'rxjs';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { moduleOf } from '../module/support/nest.js';
import { onEachPlatform, TestApp, useApp, type Setup } from './support/apps.js';
import { CANARY, expectPlainProblem, postJson } from './support/raw.js';

/** Who saw what, in the order in which they did. */
const seen: [who: string, what: unknown][] = [];

const bodyOf = (context: ExecutionContext): unknown => context.switchToHttp().getRequest<{ body: unknown }>().body;
const copy = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

class Watching implements CanActivate, NestInterceptor, PipeTransform {
  constructor(private readonly name: string) {}
  canActivate(context: ExecutionContext): boolean {
    seen.push([`guard ${this.name}`, copy(bodyOf(context))]);
    return true;
  }
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    seen.push([`before ${this.name}`, copy(bodyOf(context))]);
    return next.handle().pipe(tap((result) => seen.push([`after ${this.name}`, copy(result)])));
  }
  transform(value: unknown): unknown {
    seen.push([`pipe ${this.name}`, copy(value)]);
    return value;
  }
}

/** Passport's local strategy in small: takes the two fields from the body. */
@Injectable()
class LocalGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { username, password } = bodyOf(context) as { username?: string; password?: string };
    if (username === 'ada' && password === CANARY) return true;
    throw new UnauthorizedException();
  }
}

/** A rate limiter that counts by what is in the body. */
@Injectable()
class Throttling implements CanActivate {
  readonly #hits = new Map<string, number>();
  canActivate(context: ExecutionContext): boolean {
    const { username = '' } = bodyOf(context) as { username?: string };
    const hits = (this.#hits.get(username) ?? 0) + 1;
    this.#hits.set(username, hits);
    if (hits > 2) throw new HttpException('Too Many Requests', 429);
    return true;
  }
}

/** Wraps every answer, as many applications do. */
@Injectable()
class Wrapping implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ ok: true, data })));
  }
}

@Encrypted()
@Controller('order')
class OrderController {
  @Post()
  @UseGuards(new Watching('route'))
  @UseInterceptors(new Watching('route'))
  read(@Body(new Watching('route')) body: object): object {
    return { got: body };
  }
  @Post('login')
  @HttpCode(200)
  @UseGuards(LocalGuard)
  login(@Body('username') username: string): object {
    return { username };
  }
  @Post('throttled')
  @UseGuards(Throttling)
  throttled(): object {
    return { through: true };
  }
}

const WATCHED: Setup = {
  controllers: [OrderController],
  providers: [
    { provide: APP_GUARD, useFactory: () => new Watching('APP_GUARD') },
    { provide: APP_INTERCEPTOR, useFactory: () => new Watching('APP_INTERCEPTOR') },
    { provide: APP_PIPE, useFactory: () => new Watching('APP_PIPE') },
  ],
  configure: (nest) => nest.useGlobalGuards(new Watching('global')).useGlobalInterceptors(new Watching('global')),
};
const sent = { text: CANARY };
const got = { got: sent };

onEachPlatform('Guards, interceptors and pipes', (platform) => {
  const app = useApp(platform, WATCHED);

  it('see the plain values both ways, wherever they were registered', async () => {
    seen.length = 0;
    app().tap.clear();
    const response = await app().client().fetch('/order', postJson(sent));
    expect(await response.json()).toEqual(got);
    // The handshake passes the application's guards as well, without a message to open.
    const ofRoute = seen.slice(
      seen.findIndex(([, what]) => what !== undefined && JSON.stringify(what).includes(CANARY)),
    );
    expect(ofRoute).toEqual([
      ...ofRoute.slice(0, 2).map(([who]) => [who, sent]),
      ['guard route', sent],
      ...ofRoute.slice(3, 5).map(([who]) => [who, sent]),
      ['before route', sent],
      ['pipe APP_PIPE', sent],
      ['pipe route', sent],
      ['after route', got],
      ...ofRoute.slice(9, 11).map(([who]) => [who, got]),
    ]);
    expect(ofRoute.map(([who]) => who).sort()).toEqual(
      ['guard', 'before', 'after']
        .flatMap((when) => ['APP', 'global', 'route'].map((who) => name(when, who)))
        .concat(['pipe APP_PIPE', 'pipe route'])
        .sort(),
    );
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('never run for a request that was refused', async () => {
    const visitor = app().visitor();
    const headers = { 'content-type': 'application/json' };
    seen.length = 0;
    expectPlainProblem(
      await visitor.send({ method: 'POST', target: '/order', headers, body: JSON.stringify(sent) }),
      'message-required',
    );
    const jose = { 'content-type': 'application/jose' };
    expectPlainProblem(
      await visitor.send({ method: 'POST', target: '/order', headers: jose, body: 'x' }),
      'message-rejected',
    );
    expect(seen).toEqual([]);
  });

  it('take a name and password from the sealed body', async () => {
    const client = app().client();
    const good = await client.fetch('/order/login', postJson({ username: 'ada', password: CANARY }));
    expect(await good.json()).toEqual({ username: 'ada' });
    const bad = await client.fetch('/order/login', postJson({ username: 'ada', password: 'guess' }));
    expect(bad.status).toBe(401);
  });

  it('count by what is in the sealed body, and their 429 is sealed', async () => {
    const client = app().client();
    const statuses = [];
    for (const username of ['bob', 'bob', 'bob', 'eve']) {
      statuses.push((await client.fetch('/order/throttled', postJson({ username }))).status);
    }
    expect(statuses).toEqual([201, 201, 429, 201]);
  });
});

onEachPlatform('A global interceptor that wraps every answer', (platform) => {
  const app = useApp(platform, {
    controllers: [OrderController],
    providers: [{ provide: APP_INTERCEPTOR, useClass: Wrapping }],
  });

  it('wraps the plain value, before it is sealed, and breaks no handshake', async () => {
    app().tap.clear();
    const response = await app().client({ keyKind: 'RSA' }).fetch('/order', postJson(sent));
    expect(await response.json()).toEqual({ ok: true, data: got });
    const identity = await fetch(`${app().url}/e2e/identity`);
    expect(await identity.json()).toEqual({ keys: [] });
    expect(app().tap.text).not.toContain(CANARY);
  });
});

/** Puts its own in front of all others, as the module itself once did. */
@Module({})
class InFront implements NestModule, OnModuleInit {
  constructor(@Inject(ApplicationConfig) private readonly config: ApplicationConfig) {}
  configure(): void {
    this.config.getGlobalGuards().unshift(new Watching('in front'));
    this.config.getGlobalInterceptors().unshift(new Watching('in front'));
  }
  onModuleInit(): void {
    this.config.getGlobalGuards().unshift(new Watching('in front, later'));
  }
}

@Controller({ path: 'scoped', scope: Scope.REQUEST })
@Encrypted()
class ScopedController {
  @Post()
  create(@Body() body: object): object {
    return body;
  }
}

onEachPlatform('Guards that other modules put in front', (platform) => {
  it.each(['before', 'after'])('run after the message is opened: imported %s the module', async (when) => {
    const e2e = E2eModule.forRoot({ keyPool: { size: 1 } });
    const app = await TestApp.start(platform, {
      controllers: [OrderController, ScopedController],
      e2e: when === 'before' ? moduleOf({ imports: [InFront, e2e] }) : e2e,
      imports: when === 'after' ? [InFront] : [],
    });
    try {
      for (const path of ['/order', '/scoped']) {
        seen.length = 0;
        expect((await app.client().fetch(path, postJson(sent))).status).toBe(201);
        const guards = seen.filter(([who]) => who.startsWith('guard in front'));
        // Of a controller that is made for each request, Nest asks for the guards each time.
        const late = path === '/scoped' ? 1 : 0;
        expect(guards.slice(-1 - late).map(([, what]) => what)).toEqual(late ? [sent, sent] : [sent]);
        expect(seen.some(([who]) => who === 'before in front')).toBe(true);
      }
      seen.length = 0;
      const headers = { 'content-type': 'application/json' };
      const reply = await app.visitor().send({ method: 'POST', target: '/order', headers, body: '{}' });
      expectPlainProblem(reply, 'message-required');
      expect(seen).toEqual([]);
    } finally {
      await app.close();
    }
  });
});

onEachPlatform('Nest middleware', (platform) => {
  const app = useApp(platform, {
    ...WATCHED,
    middleware: (consumer) =>
      consumer
        .apply((request: { body?: unknown }, _: unknown, next: () => void) => {
          seen.push(['middleware', copy(request.body)]);
          next();
        })
        .forRoutes('*path'),
  });

  it('runs before the message is opened, and disturbs nothing', async () => {
    seen.length = 0;
    const response = await app().client().fetch('/order', postJson(sent));
    expect(await response.json()).toEqual(got);
    const inMiddleware = seen.filter(([who]) => who === 'middleware');
    expect(inMiddleware.length).toBe(2); // the handshake, and the request
    expect(JSON.stringify(inMiddleware)).not.toContain(CANARY);
  });
});

function name(when: string, who: string): string {
  if (who !== 'APP') return `${when} ${who}`;
  return `${when} ${when === 'guard' ? 'APP_GUARD' : 'APP_INTERCEPTOR'}`;
}
