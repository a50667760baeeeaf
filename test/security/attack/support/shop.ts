import { Body, Controller, Get, HttpCode, Post, Put, UsePipes, ValidationPipe } from '@nestjs/common';
import { Expose, Type } from 'class-transformer';
import { Allow, IsInt, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import { EncryptedField } from '../../../../src/fields/index.js';
import { calls } from './bank.js';

/** What only the two ends may know. */
export const CARD_NUMBER = '4929-card-7c21d0';
export const OTHER_NUMBER = '5105-card-1b9e44';
export const SECRET_IBAN = 'iban-9c3f1e';

class Card {
  @EncryptedField()
  @Expose({ name: 'no' })
  @IsString()
  @Length(10, 20)
  number!: string;

  @EncryptedField()
  @IsOptional()
  @Allow()
  pin?: unknown;
}

class Order {
  @IsInt()
  amount!: number;

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => Card)
  cards?: Card[];
}

class Account {
  @EncryptedField()
  iban = SECRET_IBAN;
  @EncryptedField()
  holder = 'holder-1f0a2b';
  bank = 'bank-in-the-clear';
}

/** Its bodies stay readable, and a few values in them do not. */
@Controller('shop')
@UsePipes(new ValidationPipe({ transform: true }))
export class ShopController {
  @Post('order')
  @HttpCode(200)
  order(@Body() order: Order): object {
    calls.push({ route: 'order', body: JSON.parse(JSON.stringify(order)) as unknown });
    return { ordered: order.amount };
  }
  @Put('order')
  replace(@Body() order: Order): object {
    return this.order(order);
  }
  @Post('other')
  other(@Body() order: Order): object {
    return this.order(order);
  }
  @Get('account')
  account(): object {
    return new Account();
  }
}
