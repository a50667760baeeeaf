import { describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { E2eModule, Encrypted, Plain } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { createNest, moduleOf } from './support/nest.js';
import { noting, passed } from './support/passing.js';

@WebSocketGateway({ path: '/chat' })
class ChatGateway {
  @SubscribeMessage('say')
  say(@MessageBody() { text }: { text: string }): object {
    return { event: 'said', data: { text } };
  }
}

@Controller('notes')
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
}

const configure: Setup['configure'] = (nest) => nest.useWebSocketAdapter(new WsAdapter(nest));

/** What the gateway answers. */
async function say(url: string, text: string): Promise<unknown> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/chat`);
  await once(socket, 'open');
  socket.send(JSON.stringify({ event: 'say', data: { text } }));
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return JSON.parse(answer.toString());
}

onEachPlatform('WebSocket gateways', (platform) => {
  it.each([false, true])('pass untouched beside sealed routes, with encryptByDefault: %p', async (encryptByDefault) => {
    const setup: Setup = {
      e2e: { encryptByDefault },
      controllers: [NoteController],
      providers: [ChatGateway, ...noting],
      configure,
    };
    const app = await TestApp.start(platform, setup);
    passed.length = 0;
    try {
      expect(await say(await app.nest.getUrl(), 'hello')).toEqual({ event: 'said', data: { text: 'hello' } });
      expect(passed).toEqual(['guard: ws', 'interceptor: ws']);

      const agent = await e2eAgent(app.nest);
      const call = agent.get('/notes');
      await (encryptByDefault ? call.expectSealed() : call.e2e({ response: false })).expect(200);
      await agent.close();
    } finally {
      await app.close();
    }
  });
});

describe('With encryptByDefault the log names the gateways that are not sealed', () => {
  @WebSocketGateway({ path: '/news' })
  @Plain()
  class NewsGateway {}

  it('unless they are marked @Plain()', async () => {
    const imports = [E2eModule.forRoot({ encryptByDefault: true, keyPool: { size: 0 } })];
    const { nest, log } = await createNest(moduleOf({ imports, providers: [ChatGateway, NewsGateway] }));
    nest.useWebSocketAdapter(new WsAdapter(nest));
    await nest.init();
    expect(log.ofModule.filter((line) => line.startsWith('warn'))).toEqual([
      'warn The option "encryptByDefault" does not seal these, and they respond in the clear: ChatGateway ' +
        '(WebSocket gateway). Mark them @Plain() if that is intended. To seal gateways, use E2eWsAdapter or E2eIoAdapter. ' +
        'E2eModule',
    ]);
    await nest.close();
  });
});

describe('A gateway that cannot be sealed is refused at start', () => {
  @WebSocketGateway()
  @Encrypted()
  class SealedGateway {}

  @WebSocketGateway()
  class HalfSealedGateway {
    @SubscribeMessage('say')
    @Encrypted()
    say(): void {
      return undefined;
    }
  }

  @WebSocketGateway()
  @Encrypted()
  class HalfPlainGateway {
    @SubscribeMessage('say')
    @Plain()
    say(): void {
      return undefined;
    }
  }

  @WebSocketGateway()
  @Encrypted({ response: false })
  class OneWayGateway {}

  @WebSocketGateway({ path: '/' })
  class PlainGateway {}

  const sealing: Setup['configure'] = (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest));

  it.each<[string, Setup, string, string]>([
    [
      'without the adapter',
      { providers: [SealedGateway], configure },
      'SealedGateway: it is a WebSocket gateway.',
      'new E2eWsAdapter(app)',
    ],
    [
      'on a method',
      { providers: [HalfSealedGateway], configure },
      'HalfSealedGateway.say(): it is a method of a WebSocket gateway.',
      'on the class',
    ],
    [
      'on a method, with the adapter',
      { providers: [HalfSealedGateway], configure: sealing },
      'HalfSealedGateway.say(): it is a method',
      'on the class',
    ],
    [
      'but for a method',
      { providers: [HalfPlainGateway], configure: sealing },
      'HalfPlainGateway.say(): it is a method',
      'on the class',
    ],
    [
      'one way',
      { providers: [OneWayGateway], configure: sealing },
      'OneWayGateway: it is a WebSocket gateway, and seals one way.',
      'without options',
    ],
  ])('%s', async (_, setup, what, fix) => {
    const start = TestApp.start('express', setup);
    await expect(start).rejects.toThrow(`E2eModule: @Encrypted() has no effect on ${what}`);
    await expect(start).rejects.toThrow(fix);
  });

  it('where it shares its sockets with one that is not sealed', async () => {
    const start = TestApp.start('express', { providers: [SealedGateway, PlainGateway], configure: sealing });
    await expect(start).rejects.toThrow('E2eModule: SealedGateway is sealed and PlainGateway is not');
  });

  it('and with encryptByDefault every gateway is sealed under the adapter, but for @Plain()', async () => {
    @WebSocketGateway({ path: '/' })
    @Plain()
    class NewsGateway {}
    const providers = [SealedGateway, NewsGateway];
    const e2e = { encryptByDefault: true };
    await expect(TestApp.start('express', { e2e, providers, configure: sealing })).rejects.toThrow(
      'NewsGateway is not',
    );
    const app = await TestApp.start('express', { e2e, providers: [SealedGateway, PlainGateway], configure: sealing });
    expect(app.log.ofModule.filter((line) => line.startsWith('warn'))).toEqual([]);
    await app.close();
  });

  it('as the adapter is where the application has no E2eModule', async () => {
    const start = TestApp.start('express', { e2e: false, configure: sealing });
    await expect(start).rejects.toThrow('E2eWsAdapter needs E2eModule');
  });
});
