import {
  Body,
  ClassSerializerInterceptor,
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Post,
  Res,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { PartialType } from '@nestjs/mapped-types';
import { Exclude, Expose, Type } from 'class-transformer';
import { Allow, ArrayMaxSize, IsInt, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import { EncryptedField, EncryptedFields } from '../../../../src/fields/index.js';
import { Encrypted, type E2eOptions } from '../../../../src/index.js';
import type { Setup } from '../../e2e/support/apps.js';

/** What the handlers got. */
export const got: { route: string; body: unknown }[] = [];

export class Card {
  @EncryptedField()
  @IsString()
  @Length(12, 19)
  number!: string;

  @EncryptedField()
  @IsOptional()
  @IsInt()
  pin?: number;

  @IsOptional()
  @IsString()
  label?: string;
}

export class Payment {
  @IsInt()
  amount!: number;

  @ValidateNested()
  @Type(() => Card)
  card!: Card;

  @IsOptional()
  @ValidateNested({ each: true })
  @ArrayMaxSize(1000)
  @Type(() => Card)
  others?: Card[];
}

export class Renamed {
  @EncryptedField()
  @Expose({ name: 'iban' })
  @IsString()
  account!: string;
}

export class Anything {
  @EncryptedField()
  @Allow()
  value: unknown;
}

export class OptionalCard extends PartialType(Card) {}

export class Wallet {
  @Type(() => Card)
  @Allow()
  byName!: Map<string, Card>;

  @Type(() => Card)
  @Allow()
  card?: Card;
}

export class Account {
  @EncryptedField()
  iban = 'DE02120300000000202051';
  owner = 'ada';
  @Exclude()
  internal = 'INTERNAL-ONLY';
  @EncryptedField()
  address = { street: 'Sackville Street 12', city: 'London' };
}

function note(route: string, body: unknown): { ok: true } {
  got.push({ route, body: structuredClone(body) });
  return { ok: true };
}

@Controller('pay')
export class PayController {
  @Post()
  pay(@Body() payment: Payment): object {
    return note('pay', payment);
  }
  @Post('renamed')
  renamed(@Body() body: Renamed): object {
    return note('renamed', body);
  }
  @Post('anything')
  anything(@Body() body: Anything): object {
    return note('anything', body);
  }
  @Post('partial')
  partial(@Body() body: OptionalCard): object {
    return note('partial', body);
  }
  @Post('wallet')
  wallet(@Body() body: Wallet): object {
    return note('wallet', body);
  }
  @Post('member')
  member(@Body('card') card: Card, @Body('note') text: string): object {
    return note('member', { card, text });
  }
  @Post('many')
  @EncryptedFields({ request: Card })
  many(@Body() cards: Card[]): object {
    return note('many', cards);
  }
  @Post('echo')
  @HttpCode(200)
  echo(@Body() { card }: Payment): Card {
    return Object.assign(new Card(), { number: card.number, label: 'echoed' });
  }
  @Post('fails')
  fails(@Body() { card }: Payment): never {
    throw new NotFoundException(`no card ${card.number}`);
  }
  @Post('sealed')
  @Encrypted()
  sealed(@Body() payment: Payment): object {
    return note('sealed', payment);
  }
  @Post('sealed-answer')
  @Encrypted({ request: false })
  sealedAnswer(@Body() payment: Payment): object {
    return note('sealed-answer', payment);
  }
  @Post('plain')
  plain(@Body() body: { amount: number }): object {
    return note('plain', body);
  }
}

@Controller('accounts')
export class AccountController {
  @Get()
  one(): object {
    return new Account();
  }
  @Get('of/:owner')
  of(): object {
    return new Account();
  }
  @Get('list')
  list(): object {
    return { count: 2, items: [new Account(), new Account()] };
  }
  @Get('serialized')
  @UseInterceptors(ClassSerializerInterceptor)
  serialized(): object {
    return [new Account()];
  }
  @Get('declared')
  @EncryptedFields({ response: Account })
  declared(): object {
    return { iban: 'DE02120300000000202051', owner: 'bob', address: null };
  }
  @Get('by-hand')
  byHand(@Res() response: { json?: (value: unknown) => void; send: (value: unknown) => void }): void {
    response.send(new Account());
  }
  @Get('json')
  ofItself(): object {
    return Object.assign(
      new (class extends Account {
        toJSON(): object {
          return { iban: this.iban, version: 2 };
        }
      })(),
      {},
    );
  }
  @Get('plain')
  plain(): object {
    return { hello: 'world' };
  }
  @Get('none')
  @HttpCode(204)
  none(): void {
    // nothing
  }
  @Get('text')
  text(): string {
    return 'just text';
  }
}

export function shop(e2e: E2eOptions = {}): Setup {
  return {
    controllers: [PayController, AccountController],
    e2e,
    configure: (app) => app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true })),
  };
}

export const CARD = '4111111111111111';
export const IBAN = 'DE02120300000000202051';

export function payment(more: object = {}): { amount: number; card: { number: string; label: string } } {
  return { amount: 5, card: { number: CARD, label: 'mine' }, ...more };
}

/** A request in fields. */
export function inFields(
  body: unknown,
  fields: readonly string[],
): RequestInit & { e2e: { fields: readonly string[] } } {
  const headers = { 'Content-Type': 'application/json' };
  return { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body), e2e: { fields } };
}
