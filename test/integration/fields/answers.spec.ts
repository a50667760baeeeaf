import { expect, it } from '@jest/globals';
import {
  Body,
  Catch,
  Controller,
  Get,
  HttpCode,
  Post,
  Redirect,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { EncryptedField, EncryptedFields } from '../../../src/fields/index.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, TestApp, useApp } from '../e2e/support/apps.js';
import { CARD, IBAN, inFields } from './support/shop.js';

class Account {
  @EncryptedField()
  iban = IBAN;
}

class Card {
  @EncryptedField()
  number?: string;
}

@Controller('answers')
class AnswerController {
  @Post('open')
  @Encrypted({ response: false })
  open(@Body() card: Card): object {
    if (!card.number) throw new TypeError('no number');
    return new Account();
  }
  @Post('declined')
  @HttpCode(422)
  declined(@Body() card: Card): object {
    return { reason: `declined: ${card.number}` };
  }
  @Post('moved')
  @Redirect('/answers/landing', 303)
  moved(@Body() card: Card): void {
    if (!card.number) throw new TypeError('no number');
  }
  @Get('landing')
  landing(): object {
    return new Account();
  }
  @Post('fails')
  fails(@Body() { number }: Card): never {
    throw new Error(`no card ${number}`);
  }
}

@Controller()
class WrongController {
  @Post()
  @Encrypted({ response: false })
  @EncryptedFields({ response: Account })
  wrong(): object {
    return {};
  }
}

/** As an application that says in the body whether it worked. */
@Catch()
class AlwaysOk implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    interface Response {
      status(code: number): { send(value: object): void };
    }
    const isOurs = error.name !== 'Error';
    host
      .switchToHttp()
      .getResponse<Response>()
      .status(isOurs ? 500 : 200)
      .send({ message: error.message });
  }
}

onEachPlatform('answers with single fields', (platform) => {
  const app = useApp(platform, {
    controllers: [AnswerController],
    configure: (nest) => nest.useGlobalFilters(new AlwaysOk()),
  });

  it('has no field leave a route that answers in the clear', async () => {
    const init = { ...inFields({ number: CARD }, []), e2e: { response: false } };
    const response = await app().client().fetch('answers/open', init);
    expect(response.status).toBe(500);
    expect(app().tap.text).not.toContain(IBAN);
    await expect(TestApp.start(platform, { controllers: [WrongController] })).rejects.toThrow('response: false');
  });

  it('takes no forged plain response for one in fields, whatever e2e.response says', async () => {
    const forged: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      return response.url.endsWith('/handshake') ? response : Response.json({ iban: 'forged' });
    };
    const client = app().client({ fetch: forged });
    for (const response of [true, false]) {
      const call = client.fetch('answers/landing', { e2e: { fields: [], response } });
      await expect(call).rejects.toMatchObject({ code: 'plain-answer' });
    }
  });

  it('follows a redirect to a GET', async () => {
    const response = await app()
      .client()
      .fetch('answers/moved', inFields({ number: CARD }, ['number']));
    expect([response.status, await response.json()]).toEqual([200, { iban: IBAN }]);
  });

  it('seals what a handler returns with the status of an error as a whole', async () => {
    const response = await app()
      .client()
      .fetch('answers/declined', inFields({ number: CARD }, ['number']));
    expect([response.status, await response.json()]).toEqual([422, { reason: `declined: ${CARD}` }]);
    expect(app().tap.text).not.toContain(CARD);
  });

  it('seals an error whole, whatever status a filter gives it', async () => {
    const response = await app()
      .client()
      .fetch('answers/fails', inFields({ number: CARD }, ['number']));
    expect([response.status, await response.json()]).toEqual([200, { message: `no card ${CARD}` }]);
    expect(app().tap.text).not.toContain(CARD);
  });
});
