import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Body, Controller, Get, Header, Headers, Post } from '@nestjs/common';
import { Allow } from 'class-validator';
import { EncryptedField } from '../../../src/fields/index.js';
import { e2eAgent, E2eExpectationError, expectSealed, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { CARD, IBAN, payment, shop } from '../fields/support/shop.js';

const SECRET = 'zulu-9273-5146';

class Note {
  @EncryptedField()
  @Allow()
  secret = SECRET;
  @Allow()
  open = '';
}

/** The message of the assertion that fails. */
async function failureOf(call: Promise<unknown>): Promise<string> {
  const failure: unknown = await call.then(undefined, (error: unknown) => error);
  expect(failure).toBeInstanceOf(E2eExpectationError);
  return (failure as Error).message;
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
    return Object.assign(new Note(), { open: `it is ${SECRET}` });
  }
  @Get('header')
  @Header('x-debug', SECRET)
  inHeader(): Note {
    return new Note();
  }
  @Get('hash')
  @Header('x-checksum', createHash('sha256').update(SECRET).digest('hex'))
  hash(): Note {
    return new Note();
  }
  @Get('visitor')
  visitor(@Headers('e2e-fields') ticket?: string): object {
    return ticket === undefined ? { told: SECRET } : new Note();
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

  it('finds a route that encrypts nothing', async () => {
    for (const path of ['accounts/plain', 'accounts/none']) {
      const failure = await failureOf(expectSealed(app().url, { method: 'GET', path, fields: [] }));
      expect(failure).toMatch(/is not sealed: neither its request nor its response has an encrypted value/);
    }
  });

  it('finds that a response has not encrypted what is named', async () => {
    const request = { method: 'GET', path: 'accounts' };
    for (const answerFields of [['iban'], ['iban', 'address', 'number?'], ['address.city']]) {
      expect((await expectSealed(app().url, { ...request, answerFields })).status).toBe(200);
    }
    await agent
      .get('accounts')
      .e2e({ answerFields: ['iban'] })
      .expectSealed()
      .expect(200);
    expect(await failureOf(expectSealed(app().url, { ...request, answerFields: ['iban', 'number'] }))).toMatch(
      /GET accounts is not sealed: its response has no encrypted value "number"/,
    );
    // Absent or plain: the client rejects a plain one by itself.
    await expect(expectSealed(app().url, { ...request, answerFields: ['owner'] })).rejects.toThrow();
  });

  it.each([
    ['a field of the request', 'post', 'careless/echo', { secret: 'golf-1188-7720', open: '' }, ['secret']],
    ['a field of the response', 'get', 'careless', undefined, []],
    ['a field of the response, in a header also for strangers,', 'get', 'careless/header', undefined, []],
    ['a field of the response, for strangers,', 'get', 'careless/visitor', undefined, []],
  ] as const)('finds %s that is readable elsewhere', async (_, method, path, body, fields) => {
    const call = agent[method](path).e2e({ fields });
    if (body) call.send(body);
    const failure = await failureOf(call.expectSealed());
    expect(failure).toMatch(/careless(\/\w+)? leaks:[^]*member "secret" can be read in the response/);
    expect(failure).not.toMatch(/golf-1188|zulu-9273/);
  });

  it('finds the hash of a field', async () => {
    const failure = await failureOf(agent.get('careless/hash').e2e({ fields: [] }).expectSealed());
    expect(failure).toMatch(
      /the sha256 of the response member "secret" can be read in the response's header x-checksum/,
    );
  });

  it('finds a route that takes the request plain', async () => {
    const call = agent
      .post('careless/undeclared')
      .e2e({ fields: ['number'] })
      .send({ number: CARD });
    await expect(call.expectSealed()).rejects.toThrow(E2eExpectationError);
  });
});
