import { afterEach, expect, it, jest } from '@jest/globals';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { Server } from 'node:net';
import { MemoryReplayGuard } from '../../../src/index.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SessionController } from '../e2e/support/sessions.js';
import { upload } from './support/frames.js';

const { now } = Date;
/** So many seconds is this server's clock ahead of the one that all servers share. */
let ahead = 0;
class GuardWithClock extends MemoryReplayGuard {
  time(): number {
    return Date.now() - ahead * 1000;
  }
}

const MAX_SECONDS = 400;
const NOTES = '/session/notes';

onEachPlatform('An upload takes as long as the shared clock allows', (platform) => {
  const app = useApp(platform, {
    controllers: [SessionController],
    e2e: { replayGuard: new GuardWithClock(), maxUploadTime: MAX_SECONDS, streamIdleTimeout: 1e7 },
  });
  afterEach(() => {
    jest.useRealTimers();
    Date.now = now;
  });

  it.each([1000, -1000, 0])('on a server that is %i seconds ahead', async (seconds) => {
    const iat = Math.floor(now() / 1000);
    // It stands still. A clock that is set is measured again at once.
    ahead = seconds;
    Date.now = () => (iat + ahead) * 1000;
    for (const [after, status] of [
      [MAX_SECONDS * 1000 - 1, 201],
      [MAX_SECONDS * 1000, 400],
    ] as const) {
      const channel = await app().visitor().handshake('X25519');
      const { message, head, frames } = upload(channel, NOTES, 'application/json', ['{"note":', '"a"}'], {
        members: { iat },
      });
      const pass = stopTimers();
      const arrived = once(app().nest.getHttpServer() as Server, 'request') as Promise<[IncomingMessage]>;
      const headers = { 'content-type': 'application/vnd.e2e.stream', cookie: String(channel.visitor.jar) };
      const out = request(app().url + NOTES, { method: 'POST', headers, agent: false });
      const answered = once(out, 'response') as Promise<[IncomingMessage]>;
      out.write(Buffer.concat([head, frames[0]!]));
      const [raw] = await arrived;
      // From then on it delivers plaintext.
      await until(() => Object.hasOwn(raw, 'push'));
      pass(after);
      out.end(frames[1]);
      const [response] = await answered;
      const bytes = await buffer(response);
      const { statusCode = 0, headers: received, rawHeaders } = response;
      const reply = { status: statusCode, headers: received, rawHeaders, body: bytes.toString(), bytes };
      expect([after, channel.open(reply, message).status]).toEqual([after, status]);
      jest.useRealTimers();
    }
  });
});
