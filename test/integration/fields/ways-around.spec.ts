import { beforeEach, expect, it } from '@jest/globals';
import {
  All,
  Body,
  Controller,
  createParamDecorator,
  Next,
  ParseArrayPipe,
  Post,
  UsePipes,
  ValidationPipe,
  type ExecutionContext,
} from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Expose, Type } from 'class-transformer';
import { Allow, IsOptional, IsString } from 'class-validator';
import { EncryptedField, EncryptedFields } from '../../../src/fields/index.js';
import { onEachPlatform, useApp, type TestApp } from '../e2e/support/apps.js';
import { inFields } from './support/shop.js';

class Card {
  @EncryptedField()
  @IsOptional()
  @IsString()
  number?: string;

  @IsOptional()
  @IsString()
  label?: string;
}

class Bank {
  @Allow()
  number?: string;
}

class Parent {
  @EncryptedField()
  @Expose({ name: 'old' })
  @IsString()
  account!: string;
}

class Renaming extends Parent {
  @EncryptedField()
  @Expose({ name: 'new' })
  declare account: string;
}

class Choosing {
  @EncryptedField()
  @IsString()
  kind!: string;

  @Type((given) => ((given?.object as { kind?: unknown } | undefined)?.kind === 'card' ? Card : Bank))
  @Allow()
  method!: Card | Bank;
}

class Documented {
  @ApiProperty()
  card?: Card;
}

const Whole = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<{ body: unknown }>().body,
);

/** What handlers got. */
const got: unknown[] = [];

@Controller('around')
class AroundController {
  @Post('items')
  items(@Body(new ParseArrayPipe({ items: Card })) cards: Card[]): object {
    return note(cards);
  }
  @Post('shared-pipe')
  @UsePipes(new ParseArrayPipe({ items: Card }))
  sharedPipe(@Body() cards: Card[]): object {
    return note(cards);
  }
  @Post('member-items')
  memberItems(@Body('cards', new ParseArrayPipe({ items: Card, separator: ';' })) cards: Card[]): object {
    return note(cards);
  }
  @Post('renamed')
  renamed(@Body() body: Renaming): object {
    return note(body);
  }
  @Post('chosen')
  chosen(@Body() body: Choosing): object {
    return note(body);
  }
  @Post('card')
  card(@Body() body: Card): object {
    return note(body);
  }
  @Post('any')
  @EncryptedFields({ request: Card })
  any(@Body() body: unknown): object {
    return note(body);
  }
  @Post('own')
  own(@Whole() body: Card): object {
    return note(body);
  }
  @Post('documented')
  documented(@Body() body: Documented): object {
    return note(body);
  }
  @Post('open')
  open(@Body() body: Bank): object {
    return note(body);
  }
}

@Controller('next')
class FirstController {
  @All('*any')
  all(@Next() next: () => void): void {
    next();
  }
}

@Controller('next')
class SecondController {
  @Post('card')
  card(@Body() body: Card): object {
    return note(body);
  }
}

function note(body: unknown): { ok: true } {
  got.push(body);
  return { ok: true };
}

onEachPlatform('ways around single fields', (platform) => {
  const app = useApp(platform, {
    controllers: [AroundController, ...(platform === 'express' ? [FirstController, SecondController] : [])],
    configure: (nest) => nest.useGlobalPipes(new ValidationPipe({ transform: true })),
  });
  beforeEach(() => {
    got.length = 0;
  });

  /** What becomes of a request that somebody in between changes. */
  async function changed(route: string, body: unknown, fields: string[], change: (sent: never) => unknown) {
    const path = route.includes('/') ? route : `around/${route}`;
    const response = await between(app(), change).fetch(path, inFields(body, fields));
    return (await response.json()) as unknown;
  }
  const REQUIRED = { code: 'refused', problem: 'message-required' };

  it.each(['items', 'shared-pipe'])('takes no text for an element with fields: %s', async (route) => {
    const add = (sent: never[]) => [...sent, JSON.stringify({ number: 'added' })];
    await expect(changed(route, [{ number: 'own' }], ['*.number'], add)).rejects.toMatchObject(REQUIRED);
    expect(got).toEqual([]);
    expect(await changed(route, [{ number: 'own' }], ['*.number'], (sent) => sent)).toEqual({ ok: true });
    expect(got).toMatchObject([[{ number: 'own' }]]);
  });

  it('takes no text for a list whose elements have fields', async () => {
    const replace = () => ({ cards: '{"number":"added"};{"number":"added"}' });
    await expect(changed('member-items', { cards: [] }, [], replace)).rejects.toMatchObject(REQUIRED);
    expect(got).toEqual([]);
  });

  it('takes a field by none of the names of its ancestors in the clear', async () => {
    const add = (sent: object) => ({ ...sent, old: 'added' });
    await expect(changed('renamed', { new: 'own' }, ['new'], add)).rejects.toMatchObject(REQUIRED);
    expect(got).toEqual([]);
  });

  it('looks again once a field is opened that a class depends on', async () => {
    const add = (sent: object) => ({ ...sent, method: { number: 'added' } });
    await expect(changed('chosen', { kind: 'card', method: {} }, ['kind'], add)).rejects.toMatchObject(REQUIRED);
    expect(got).toEqual([]);
    const body = { kind: 'card', method: { number: 'own' } };
    expect(await changed('chosen', body, ['kind', 'method.number'], (sent) => sent)).toEqual({ ok: true });
    expect(got).toEqual([body]);
  });

  it('holds a request to the rules of each route that it reaches', async () => {
    if (platform === 'fastify') return; // has no next()
    const add = (sent: object) => ({ ...sent, number: 'added' });
    await expect(changed('next/card', { label: 'own' }, [], add)).rejects.toMatchObject(REQUIRED);
    expect(await changed('next/card', { label: 'own' }, [], (sent) => sent)).toEqual({ ok: true });
    expect(got).toEqual([{ label: 'own' }]);
  });

  it('checks the shape of a body before it looks for fields', async () => {
    const deep = '['.repeat(40_000) + ']'.repeat(40_000);
    const proto = '{"label":"own","__proto__":{"number":"added"}}';
    for (const body of [deep, proto]) {
      const response = await app().client().fetch('around/any', inFields(body, []));
      expect(response.status).toBe(400);
      const open = await fetch(`${app().url}/around/open`, plain(body));
      expect(open.status).toBe(400);
    }
    expect(got).toEqual([]);
  });

  it('takes no plain body where a decorator of the application or of a document shows fields', async () => {
    for (const route of ['own', 'documented']) {
      const response = await fetch(
        `${app().url}/around/${route}`,
        plain('{"number":"added","card":{"number":"added"}}'),
      );
      expect([route, response.status]).toEqual([route, 415]);
    }
    const form = new FormData();
    form.set('card[number]', 'added');
    expect((await fetch(`${app().url}/around/documented`, { method: 'POST', body: form })).status).toBe(415);
    expect(got).toEqual([]);
    expect(await changed('own', { number: 'own' }, ['number'], (sent) => sent)).toEqual({ ok: true });
    expect(got).toMatchObject([{ number: 'own' }]);
  });

  it('takes no other body than JSON where a class is declared', async () => {
    const client = app().client();
    for (const [route, type] of [
      ['card', 'text/plain'],
      ['open', 'text/plain'],
      ['open', 'application/x-www-form-urlencoded'],
    ] as const) {
      const init = { method: 'POST', headers: { 'Content-Type': type }, body: 'number=added', e2e: { fields: [] } };
      const outcome = await client.fetch(`around/${route}`, init).then(
        ({ status }) => status,
        (error: unknown) => (error as { problem?: string }).problem,
      );
      // Fastify answers media types that it has no parser for by itself.
      expect(['message-rejected', 415]).toContain(outcome);
    }
    expect(got).toEqual([]);
  });
});

function plain(body: string): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body };
}

/** A client with somebody in between, who changes the JSON of its requests. */
function between(app: TestApp, change: (sent: never) => unknown) {
  return app.client({
    fetch: async (input: RequestInfo | URL, init: RequestInit = {}) => {
      const isHandshake = new Headers(init.headers).get('e2e-fields') === null;
      if (isHandshake || !init.body) return fetch(input, init);
      const sent = (await new Response(init.body).json()) as never;
      return fetch(input, { ...init, body: JSON.stringify(change(sent)) });
    },
  });
}
