import { expect, it } from '@jest/globals';
import { Body, Controller, Delete, Get, HttpCode, Post, Query, Redirect } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { JoseClient } from './support/jose-client.js';
import { CANARY } from './support/raw.js';

@Encrypted()
@Controller('jose')
class JoseController {
  @Post()
  echo(@Body() body: unknown): object {
    return { body };
  }
  @Get()
  search(@Query() query: object): object {
    return { query };
  }
  @Delete()
  @HttpCode(204)
  remove(): void {
    // Nothing to say.
  }
  @Get('moved')
  @Redirect('/jose', 307)
  moved(): void {
    // The decorator says where to.
  }
  @Get('boom')
  boom(): void {
    throw new Error(CANARY);
  }
}

const VALUES = [{ text: CANARY, list: [1, null, 'ü', '', -1.5, true, false] }, [CANARY], {}, []];

onEachPlatform('With allowPlainJwe, a stock JOSE library', (platform) => {
  const app = useApp(platform, { controllers: [JoseController], e2e: { allowPlainJwe: true } });

  it('shakes hands, and opens the channel secret', async () => {
    expect((await JoseClient.shakeHands(app().url)).secret).toHaveLength(32);
  });

  it('sends and receives every JSON value', async () => {
    const client = await JoseClient.shakeHands(app().url);
    app().tap.clear();
    for (const value of VALUES) {
      const { status, cty, text } = await client.ask('POST', '/jose', value);
      expect({ status, value: JSON.parse(text) as unknown }).toEqual({ status: 201, value: { body: value } });
      expect(cty).toMatch(/^application\/json/);
    }
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('asks with a sealed query', async () => {
    const client = await JoseClient.shakeHands(app().url);
    app().tap.clear();
    const { text } = await client.ask('GET', `/jose?name=${CANARY}&x=%C3%BC`);
    expect(JSON.parse(text)).toEqual({ query: { name: CANARY, x: 'ü' } });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('gets the true status of what has no body, leads elsewhere, is not there, or failed', async () => {
    const client = await JoseClient.shakeHands(app().url);
    const outcomes = [];
    for (const [method, path] of [
      ['DELETE', '/jose'],
      ['GET', '/jose/moved'],
      ['GET', '/nowhere'],
      ['GET', '/jose/boom'],
    ] as const) {
      outcomes.push((await client.ask(method, path)).status);
    }
    expect(outcomes).toEqual([204, 307, 404, 500]);
  });

  it('works next to the project’s own client', async () => {
    const response = await app().client({ keyKind: 'RSA' }).fetch('/jose?name=ada');
    expect(await response.json()).toEqual({ query: { name: 'ada' } });
  });
});

onEachPlatform('Without it, as by default, a stock JOSE library', (platform) => {
  const app = useApp(platform, { controllers: [JoseController] });

  it('is message-rejected, in the body and in the header', async () => {
    const client = await JoseClient.shakeHands(app().url);
    for (const answer of [await client.send('POST', '/jose', 1), await client.send('GET', '/jose')]) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ type: 'urn:e2e:problem:message-rejected' });
    }
  });
});
