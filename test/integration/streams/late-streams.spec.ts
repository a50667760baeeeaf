import { expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Encrypted, KeyService } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { AnswerReader, inShort } from './support/answer.js';

const INTERVAL = 40;

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  hijack?(): void;
}
type Done = (error?: unknown) => void;
interface WithSession {
  readonly session: { cart?: number; regenerate(done: Done): unknown; save(done: Done): unknown };
}

const open: ServerResponse[] = [];
let goOn: (() => void) | undefined;
/** The last request that replaced its session. */
let replaced: WithSession | undefined;

function begin(reply: Reply): void {
  reply.hijack?.();
  const response = reply.raw ?? reply;
  open.push(response);
  response.write('first');
}

const called = (action: (done: Done) => unknown): Promise<void> =>
  new Promise((resolve, reject) => void action((error) => (error ? reject(new Error('no session')) : resolve())));

@Encrypted()
@Controller('late')
class LateController {
  @Get()
  async late(@Res() reply: Reply): Promise<void> {
    await new Promise<void>((resolve) => (goOn = resolve));
    begin(reply);
  }

  @Post('cart')
  fill(@Req() { session }: WithSession): object {
    session.cart = 1;
    return {};
  }

  /** Not a login that is declared as one, so the new session has no channel. */
  @Post('regenerate')
  async regenerate(@Req() request: WithSession, @Res() reply: Reply): Promise<void> {
    await called((done) => request.session.regenerate(done));
    request.session.cart = 2;
    await called((done) => request.session.save(done));
    replaced = request;
    begin(reply);
  }
}

onEachPlatform('A response in frames that begins late goes on', (platform) => {
  const app = useApp(platform, {
    controllers: [LateController],
    e2e: { streamCheckInterval: INTERVAL, channelsPerSession: 2 },
  });

  async function goesOn(asked: Promise<AnswerReader>): Promise<void> {
    const answer = await asked;
    expect(inShort([await answer.next()])).toEqual(['0 first']);
    await sleep(5 * INTERVAL);
    open.at(-1)!.end('second');
    expect(inShort(await answer.rest())).toEqual(['1 second', 'end']);
  }

  it('although its channel was evicted while the handler worked', async () => {
    const channel = await app().visitor().handshake('X25519');
    goOn = undefined;
    const asked = AnswerReader.ask(channel, 'GET', '/late');
    await until(() => goOn !== undefined);
    for (let count = 0; count < 2; count++) {
      await Object.assign(app().visitor(), { jar: channel.visitor.jar.clone() }).handshake('X25519');
    }
    goOn!();
    await goesOn(asked);
  });

  it('until the session is revoked that its own request has put in its place', async () => {
    const channel = await app().visitor().handshake('X25519');
    await channel.request('POST', '/late/cart', json({}));
    const answer = await AnswerReader.ask(channel, 'POST', '/late/regenerate', json({}));
    expect(inShort([await answer.next()])).toEqual(['0 first']);
    await app().get(KeyService).revoke(replaced!);
    expect(inShort(await answer.rest())).toEqual(['2', 'end']);
  });

  it('although its own request has replaced the session, without its channel', async () => {
    const channel = await app().visitor().handshake('X25519');
    await channel.request('POST', '/late/cart', json({}));
    await goesOn(AnswerReader.ask(channel, 'POST', '/late/regenerate', json({})));
  });
});
