import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { Allow } from 'class-validator';
import { EncryptedField } from '../../../src/fields/index.js';
import { e2eAgent, E2eExpectationError, expectSealed, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { CARD, IBAN, payment, shop } from '../fields/support/shop.js';

class Note {
  @EncryptedField()
  @Allow()
  secret = 'zulu-9273-5146';
  @Allow()
  open = '';
}

/** Says plain what it got encrypted, and takes plain what should be encrypted. */
@Controller('careless')
class CarelessController {
  @Post('echo')
  echo(@Body() note: Note): object {
    return { told: note.secret };
  }
  @Post('undeclared')
  undeclared(@Body() body: { number: string }): object {
    return { digits: body.number.length };
  }
  @Get()
  twice(): object {
    return Object.assign(new Note(), { open: 'it is zulu-9273-5146' });
  }
}

onEachPlatform('the kit, for single fields', (platform) => {
  const setup = shop();
  const app = useApp(platform, { ...setup, controllers: [...setup.controllers!, CarelessController] });
  let agent: E2eAgent;
  beforeEach(async () => {
    agent = await e2eAgent(app().url);
  });
  afterEach(() => agent.close());

  it('sends and opens them', async () => {
    await agent
      .post('pay/echo')
      .e2e({ fields: ['card.number'] })
      .send(payment())
      .expect(200, { number: CARD, label: 'echoed' });
    const { body } = await agent.get('accounts').e2e({ fields: [] }).expect(200);
    expect(body).toMatchObject({ iban: IBAN, owner: 'ada' });
  });

  it('finds that a route encrypts them, and leaks none', async () => {
    await agent
      .post('pay/echo')
      .e2e({ fields: ['card.number'] })
      .send(payment())
      .expectSealed()
      .expect(200);
    await agent.get('accounts').e2e({ fields: [] }).expectSealed().expect(200);
    const request = { method: 'POST', path: 'pay/echo', body: payment(), fields: ['card.number'] } as const;
    expect((await expectSealed(app().url, request)).status).toBe(200);
  });

  it.each([
    ['a field of the request', 'post', 'careless/echo', { secret: 'golf-1188-7720', open: '' }, ['secret']],
    ['a field of the response', 'get', 'careless', undefined, []],
  ] as const)('finds %s that is readable elsewhere', async (_, method, path, body, fields) => {
    const call = agent[method](path).e2e({ fields });
    if (body) call.send(body);
    const failure: unknown = await call.expectSealed().then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(E2eExpectationError);
    expect((failure as Error).message).toMatch(
      /careless(\/echo)? leaks:[^]*member "secret" can be read in the response/,
    );
    expect((failure as Error).message).not.toMatch(/golf-1188|zulu-9273/);
  });

  it('finds a route that takes the request plain', async () => {
    const call = agent
      .post('careless/undeclared')
      .e2e({ fields: ['number'] })
      .send({ number: CARD });
    await expect(call.expectSealed()).rejects.toThrow(E2eExpectationError);
  });
});
