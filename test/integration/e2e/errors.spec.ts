import { expect, it } from '@jest/globals';
import {
  Body,
  Catch,
  Controller,
  ForbiddenException,
  Get,
  HttpException,
  Injectable,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { IsInt, IsString, MaxLength } from 'class-validator';
import { map, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp, type TestApp } from './support/apps.js';
import { CANARY, expectPlainProblem, postJson } from './support/raw.js';

class NoteDto {
  @IsString()
  @MaxLength(80)
  title!: string;
  @IsInt()
  count!: number;
}

@Injectable()
class Refusing implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException(`guarded ${CANARY}`);
  }
}

@Injectable()
class Denying implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class FailingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map(() => {
        throw new NotFoundException(`intercepted ${CANARY}`);
      }),
    );
  }
}

/** Answers in a form of its own, as many applications do. */
@Catch(HttpException)
class Reformatting implements ExceptionFilter<HttpException> {
  constructor(private readonly host: HttpAdapterHost) {}
  catch(exception: HttpException, host: ArgumentsHost): void {
    const response: unknown = host.switchToHttp().getResponse();
    const body = { oops: exception.message, at: 'filter' };
    this.host.httpAdapter.reply(response, body, 418);
  }
}

@Encrypted()
@Controller('errors')
class ErrorController {
  static ran = 0;

  @Post('dto')
  dto(@Body(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true })) note: NoteDto): NoteDto {
    ErrorController.ran++;
    return note;
  }
  @Post('any')
  any(@Body() body: unknown): unknown {
    ErrorController.ran++;
    return { body };
  }
  @Get('guard')
  @UseGuards(Refusing)
  guard(): void {
    ErrorController.ran++;
  }
  @Get('denied')
  @UseGuards(Denying)
  denied(): void {
    ErrorController.ran++;
  }
  @Get('pipe/:id')
  pipe(@Param('id', ParseIntPipe) id: number): number {
    return id;
  }
  @Get('interceptor')
  @UseInterceptors(FailingInterceptor)
  interceptor(): object {
    return { text: CANARY };
  }
  @Get('handler')
  handler(): void {
    throw new HttpException({ code: 'NO_MONEY', text: CANARY }, 402);
  }
  @Get('boom')
  boom(): void {
    throw new Error(`unexpected ${CANARY}`);
  }
  @Get('thrown')
  thrown(): void {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- some libraries throw what is no Error
    throw { text: CANARY };
  }
  @Get('reformatted')
  @UseFilters(Reformatting)
  reformatted(): void {
    throw new NotFoundException(CANARY);
  }
  @Post('reformatted')
  @UseFilters(Reformatting)
  reformattedPost(): void {
    ErrorController.ran++;
  }
}

/** A filter that lets nothing through as it was. */
@Catch()
class CatchAll implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}
  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const path: unknown = this.host.httpAdapter.getRequestUrl(http.getRequest());
    this.host.httpAdapter.reply(http.getResponse(), { caught: String(exception), path }, 503);
  }
}

const deep = '['.repeat(200) + ']'.repeat(200);

onEachPlatform('An error on a sealed route', (platform) => {
  const app = useApp(platform, { controllers: [ErrorController] });

  it.each([
    ['a validation error', 'POST', '/errors/dto', 400, { message: [expect.stringContaining('count')] }],
    ['an exception of a guard', 'GET', '/errors/guard', 403, { message: `guarded ${CANARY}` }],
    ['a guard that says no', 'GET', '/errors/denied', 403, { message: 'Forbidden resource' }],
    ['an exception of a pipe', 'GET', `/errors/pipe/x`, 400, { message: expect.stringContaining('numeric string') }],
    ['an exception of an interceptor', 'GET', '/errors/interceptor', 404, { message: `intercepted ${CANARY}` }],
    ['an exception of the handler', 'GET', '/errors/handler', 402, { code: 'NO_MONEY', text: CANARY }],
    ['an unexpected Error', 'GET', '/errors/boom', 500, { statusCode: 500, message: 'Internal server error' }],
    ['something thrown that is no Error', 'GET', '/errors/thrown', 500, { statusCode: 500 }],
    ['an answer of a filter', 'GET', '/errors/reformatted', 418, { oops: CANARY, at: 'filter' }],
  ] as const)('is sealed, with its true status: %s', async (_, method, path, status, body) => {
    const before = ErrorController.ran;
    app().tap.clear();
    const init = method === 'POST' ? postJson({ title: CANARY, count: 'x' }) : {};
    const response = await app().client().fetch(path, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject(body);
    expect(app().tap.text).not.toContain(CANARY);
    expect(ErrorController.ran).toBe(before);
  });

  it.each([
    ['GET', '/nowhere'],
    ['POST', '/nowhere/at/all?x=1'],
    ['PUT', '/errors/boom'],
  ])('is sealed where no route is: %s %s', async (method, path) => {
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request(method, path, method === 'GET' ? undefined : json({ text: CANARY }));
    expect(sealed.status).toBe(404);
    expect(sealed.wire.status).toBe(404);
    expect(JSON.parse(sealed.text)).toMatchObject({ statusCode: 404 });
  });

  it.each([
    ['no JSON', '{"a": "x"'],
    ['deeper than maxBodyDepth', deep],
    ['with a member __proto__', `{"a":{"__proto__":{"isAdmin":"${CANARY}"}}}`],
    ['with constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}'],
  ])('is a sealed 400, and the handler does not run, for a body that is %s', async (_, text) => {
    const before = ErrorController.ran;
    app().tap.clear();
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('POST', '/errors/any', { text, cty: 'application/json' });
    expect(sealed.status).toBe(400);
    expect(sealed.text).not.toContain(CANARY);
    expect(ErrorController.ran).toBe(before);
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('takes depth and names that people use', async () => {
    const value = { proto: 1, constructor: 'text', a: JSON.parse('['.repeat(60) + ']'.repeat(60)) as unknown };
    const response = await app().client().fetch('/errors/any', postJson(value));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ body: value });
  });

  it('on a plain request is the constant problem, whatever a filter makes of it', async () => {
    const reply = await app().visitor().send({ target: '/errors/reformatted' });
    expectPlainProblem(reply, 'message-required');
    const rejected = await app()
      .visitor()
      .send({
        method: 'POST',
        target: '/errors/reformatted',
        headers: { 'content-type': 'application/jose' },
        body: 'x',
      });
    expectPlainProblem(rejected, 'message-rejected');
  });
});

onEachPlatform('An application that catches everything', (platform) => {
  const app = useApp(platform, {
    controllers: [ErrorController],
    configure: (nest) => nest.useGlobalFilters(new CatchAll(nest.get(HttpAdapterHost))),
  });
  const sealed = async (current: TestApp, path: string) =>
    (await current.visitor().handshake('X25519')).request('GET', path);

  it('has its own answers sealed', async () => {
    app().tap.clear();
    for (const path of ['/errors/handler', '/errors/boom', '/errors/guard']) {
      const answer = await sealed(app(), path);
      expect(answer.status).toBe(503);
      expect(answer.wire.status).toBe(503);
      expect(JSON.parse(answer.text)).toMatchObject({ caught: expect.any(String), path });
    }
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('has its own answer to an unknown route sealed', async () => {
    const answer = await sealed(app(), '/nowhere');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({ path: '/nowhere' });
  });

  it('cannot reformat a refusal, in the clear or sealed', async () => {
    const visitor = app().visitor();
    expectPlainProblem(await visitor.send({ target: '/errors/boom' }), 'message-required');
    const channel = await visitor.handshake('X25519');
    const message = channel.message('GET', '/errors/handler');
    await channel.post(message);
    const copy = channel.open(await channel.post(message), message);
    expect(copy.status).toBe(409);
    expect(copy.cty).toBe('application/problem+json');
    expect(JSON.parse(copy.text)).toMatchObject({ type: 'urn:e2e:problem:message-replayed' });
    const wrong = await visitor.ask({ publicKey: { kty: 'RSA' } });
    expect(wrong.status).toBe(422);
    expect(wrong.headers['content-type']).toBe('application/problem+json');
  });
});
