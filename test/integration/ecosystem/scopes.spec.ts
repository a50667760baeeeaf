import { expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Post,
  Query,
  Scope,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import {
  APP_GUARD,
  APP_INTERCEPTOR,
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import type { IncomingMessage } from 'node:http';
import { map, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

interface Request {
  readonly headers: IncomingMessage['headers'];
  readonly body?: unknown;
  readonly query?: unknown;
}

/** One for each request. */
@Injectable({ scope: Scope.REQUEST })
class Current {
  readonly atFirst: unknown;
  constructor(@Inject(REQUEST) private readonly request: Request) {
    this.atFirst = request.body;
  }
  get now(): unknown {
    return this.request.body ?? this.request.query;
  }
}

/** One for each tenant. */
@Injectable({ scope: Scope.REQUEST, durable: true })
class Tenant {
  count = 0;
  constructor(@Inject(REQUEST) readonly context: { readonly tenant: string }) {}
}

@Controller({ path: 'notes', scope: Scope.REQUEST })
@Encrypted()
class RequestController {
  constructor(private readonly current: Current) {}

  @Post()
  create(@Body() body: object): object {
    return { body, injected: this.current.now, atFirst: this.current.atFirst ?? null };
  }
  @Get()
  find(@Query() query: object): object {
    return { query, injected: this.current.now };
  }
}

@Controller('tenant')
@Encrypted()
class TenantController {
  constructor(private readonly tenant: Tenant) {}

  @Get()
  read(): object {
    return { tenant: this.tenant.context.tenant, count: ++this.tenant.count };
  }
}

/** Both of them request-scoped: Nest asks them after those that are not, and so after the module's own. */
@Injectable({ scope: Scope.REQUEST })
class Guard implements CanActivate {
  constructor(private readonly current: Current) {}
  canActivate(): boolean {
    return (this.current.now as { text?: string }).text !== 'forbidden';
  }
}
@Injectable({ scope: Scope.REQUEST })
class Wrapping implements NestInterceptor {
  constructor(private readonly current: Current) {}
  intercept(_: ExecutionContext, next: CallHandler<object>): Observable<object> {
    return next.handle().pipe(map((answer) => ({ ...answer, wrapped: this.current.now })));
  }
}

class TenantStrategy implements ContextIdStrategy<Request> {
  readonly #known = new Map<string, ContextId>();
  attach(contextId: ContextId, { headers }: Request) {
    const tenant = String(headers['x-tenant'] ?? 'none');
    const known = this.#known.get(tenant) ?? ContextIdFactory.create();
    this.#known.set(tenant, known);
    return {
      resolve: ({ isTreeDurable }: HostComponentInfo) => (isTreeDurable ? known : contextId),
      payload: { tenant },
    };
  }
}

onEachPlatform('Request-scoped', (platform) => {
  const app = useApp(platform, { controllers: [RequestController], providers: [Current] });

  it('controllers and providers see the plain body and query', async () => {
    const agent = await e2eAgent(app().url);
    const sent = { text: 'canary-7f3a91' };
    const answer = { body: sent, injected: sent, atFirst: platform === 'fastify' ? sent : null };
    await agent.post('/notes').send(sent).expectSealed().expect(201, answer);
    await agent.get('/notes').query(sent).expectSealed().expect(200, { query: sent, injected: sent });
  });

  it('ones of two requests at once do not see each other’s', async () => {
    const agent = await e2eAgent(app().url);
    await Promise.all(
      Array.from({ length: 20 }, (_, text) =>
        agent
          .post('/notes')
          .send({ text })
          .expect(201, {
            body: { text },
            injected: { text },
            atFirst: platform === 'fastify' ? { text } : null,
          }),
      ),
    );
  });
});

onEachPlatform('Request-scoped, for the whole application,', (platform) => {
  const app = useApp(platform, {
    controllers: [RequestController],
    providers: [
      Current,
      { provide: APP_GUARD, useClass: Guard, scope: Scope.REQUEST },
      { provide: APP_INTERCEPTOR, useClass: Wrapping, scope: Scope.REQUEST },
    ],
  });

  it('guards and interceptors see the plain body, and the answer before it is sealed', async () => {
    const agent = await e2eAgent(app().url);
    await agent.post('/notes').send({ text: 'forbidden' }).expectSealed().expect(403);
    const { body } = await agent.post('/notes').send({ text: 'canary-7f3a91' }).expectSealed().expect(201);
    expect(body).toMatchObject({ wrapped: { text: 'canary-7f3a91' } });
  });
});

onEachPlatform('Durable providers', (platform) => {
  ContextIdFactory.apply(new TenantStrategy());
  const app = useApp(platform, { controllers: [TenantController], providers: [Tenant] });

  it('are one for each tenant, behind sealed routes too', async () => {
    const agent = await e2eAgent(app().url);
    const read = (tenant: string) => agent.get('/tenant').set('x-tenant', tenant);
    await read('a').expect(200, { tenant: 'a', count: 1 });
    await read('b').expect(200, { tenant: 'b', count: 1 });
    await read('a').expectSealed().expect(200, { tenant: 'a', count: 2 });
  });
});
