import { expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { EncryptedField } from '../../../src/fields/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

/** That the application has such a class has every response looked through for its fields. */
export class Card {
  @EncryptedField() number?: unknown;
  @EncryptedField() 'a/b~1'?: unknown;
  @EncryptedField() none?: unknown;
}

/** Its JSON is that of a copy without the note. */
class Money {
  constructor(
    readonly cents: number,
    readonly note?: string,
  ) {}
  toJSON(): Money {
    return new Money(this.cents);
  }
}

class Counted {
  calls = 0;
  toJSON(): this {
    this.calls++;
    return this;
  }
}

const nameOf = (): object => ({ toJSON: (name: string) => `in ${name}` });

const VALUES: Readonly<Record<string, () => unknown>> = {
  'another instance of the same class': () => ({ price: new Money(5, 'internal') }),
  'the same object': () => [new Counted()],
  'an object with a toJSON': () => ({ toJSON: () => ({ a: 1, toJSON: () => 'never' }) }),
  'a date': () => ({ at: { toJSON: () => new Date(0) } }),
  'a text, a number, null, nothing': () => ['a', 1, null, undefined].map((made) => ({ toJSON: () => made })),
  'a list of such': () => ({ toJSON: () => [new Money(1, 'x'), new Money(2)] }),
  'one that knows its name': () => ({ 'a/b~1': nameOf(), list: [nameOf(), [nameOf()]], to: { toJSON: nameOf } }),
  bytes: () => ({ toJSON: () => Buffer.from('ab') }),
};

@Controller('values')
class ValueController {
  @Get()
  all(): object {
    return all();
  }
  @Get('cards')
  cards(): Card[] {
    return [Object.assign(new Card(), { number: nameOf(), 'a/b~1': nameOf(), none: { toJSON: () => undefined } })];
  }
}

function all(): object {
  return Object.fromEntries(Object.entries(VALUES).map(([name, make]) => [name, make()]));
}

onEachPlatform('A response where the application has encrypted fields', (platform) => {
  const app = useApp(platform, { controllers: [ValueController] });

  it('is what JSON makes of it, whatever toJSON returns', async () => {
    const expected = JSON.stringify(all());
    expect(await (await fetch(`${app().url}/values`)).text()).toBe(expected);
  });

  it('and so is an encrypted member, except that one which JSON leaves out is null', async () => {
    const response = await app()
      .client()
      .fetch('values/cards', { e2e: { fields: [] } });
    expect(await response.json()).toEqual([{ number: 'in number', 'a/b~1': 'in a/b~1', none: null }]);
  });
});
