import { expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { E2eEvents } from '../../../src/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from './support/apps.js';

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const BODY = JSON.stringify({ publicKey: publicKey.export({ format: 'jwk' }) });
const HANDSHAKE = [
  'POST /e2e/handshake HTTP/1.1',
  'Host: 127.0.0.1',
  'Content-Type: application/json',
  `Content-Length: ${BODY.length}`,
  '',
  BODY,
].join('\r\n');

onEachPlatform('Clients that go while their handshake waits for an RSA key pair', (platform) => {
  // A pair of 3,072 bits takes half a second or so: far more than a client that comes and goes.
  const app = useApp(platform, {
    e2e: { keyPool: { size: 0, making: 1, waiting: 4 }, rsaModulusLength: 3072 },
  });
  const counters = () => app().get(E2eEvents).counters;
  /** Sends a handshake past the tap, and gives both ends of its connection. */
  const shakeHands = async (): Promise<{ socket: Socket; gone: Promise<unknown> }> => {
    const server = app().nest.getHttpServer() as Server;
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
    const gone = accepted.then((their) => new Promise((resolve) => their.once('close', resolve)));
    socket.write(HANDSHAKE);
    await accepted;
    return { socket, gone };
  };

  it('leave the queue: eight that are closed at once, twice over, keep nobody from being served', async () => {
    const honest = app().client({ keyKind: 'RSA' });
    for (let round = 0; round < 16; round++) {
      const { handshakes, keyPool } = counters();
      const { socket, gone } = await shakeHands();
      // Half of them before the server has read a word; half of them from the queue, or from their answer.
      const isThere = (): boolean => {
        const now = counters();
        return now.keyPool.waiting > keyPool.waiting || now.handshakes > handshakes || now.refused.busy !== undefined;
      };
      if (round % 2 === 1) await until(isThere);
      socket.destroy();
      await gone;
    }
    expect(await honest.handshake()).toMatchObject({ kind: 'RSA' });
  });
});
