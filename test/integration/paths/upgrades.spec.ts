import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import fc from 'fast-check';
import { connect } from 'node:net';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { onEachPlatform, TestApp } from '../e2e/support/apps.js';
import { FIXED, variantOf } from './support/targets.js';

/** Says nothing of sealing: its path does. */
@WebSocketGateway({ path: '/secret/live' })
class UndeclaredGateway {}

const OPEN = 'HTTP/1.1 101 Switching Protocols';
const asked = variantOf(['plain'], ['/live', '/./live', '/x/../live', '/live?x', '\\live', '%2f/../live']);
const REFUSED = 'HTTP/1.1 400 Bad Request';

/** A socket that is asked for byte for byte so; the first line of the answer, or nothing where there is none. */
function upgrade(app: TestApp, target: string, host: string): Promise<string> {
  const { port } = new URL(app.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      ),
    );
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('\r\n')) socket.destroy();
    });
    socket.on('error', () => undefined).on('close', () => resolve(answer.split('\r\n', 1)[0]!));
  });
}

onEachPlatform('No way to ask for a socket under a sealed path', (platform) => {
  const start = (isSealed: boolean, adapter: new (app: INestApplication) => WsAdapter): Promise<TestApp> =>
    TestApp.start(platform, {
      e2e: isSealed && { sealedPaths: ['/secret'] },
      providers: [UndeclaredGateway],
      configure: (app) => app.useWebSocketAdapter(new adapter(app)),
    });
  let [control, tunnelled, without]: [TestApp?, TestApp?, TestApp?] = [];
  beforeAll(async () => {
    control = await start(false, WsAdapter);
    tunnelled = await start(true, E2eWsAdapter);
    without = await start(true, WsAdapter);
  });
  afterAll(async () => {
    for (const app of [control, tunnelled, without]) await app?.close();
  });

  it('opens a plain one', async () => {
    let reached = 0;
    const check = async (target: string, host = 'x'): Promise<void> => {
      if ((await upgrade(control!, target, host)) !== OPEN) return;
      reached++;
      for (const app of [tunnelled!, without!]) {
        expect([target, await upgrade(app, target, host)]).toEqual([target, REFUSED]);
      }
    };
    for (const target of FIXED) await check(target);
    // Nest resolves the target against a base that the client chooses.
    await check('*/../live', 'x/secret/?');
    await fc.assert(
      fc.asyncProperty(asked, (target) => check(target)),
      { numRuns: 1000 },
    );
    expect(reached).toBeGreaterThan(20);
  });
});
