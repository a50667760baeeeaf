import { expect, it } from '@jest/globals';
import { Body, Controller, Post } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import { Encrypted, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { json, type Channel } from '../../external/conformance/channel.js';
import { onEachPlatform, TestApp, useApp } from './support/apps.js';
import { es256, prove, shakeHands } from './support/devices.js';
import { expectPlainProblem } from './support/raw.js';
import { SECRET } from './support/sessions.js';

@Encrypted()
@Controller('echo')
class EchoController {
  @Post()
  echo(@Body() body: object): object {
    return body;
  }
}

const controllers = [EchoController];
const WITHOUT = { ek: undefined };

/** What a request comes to, and whether its response says that the keys are kept. */
async function echo(channel: Channel, members = {}): Promise<[number, unknown]> {
  const { status, header } = await channel.request('POST', '/echo', json({ a: 1 }), { members });
  return [status, header.kept];
}

/** A store that can be read, and for a time not written. */
class BrittleStore extends MemoryStore {
  isBroken = false;

  override set(...[id, session, done]: Parameters<MemoryStore['set']>): void {
    if (this.isBroken) done?.(new Error('read only'));
    else super.set(id, session, done);
  }
}

onEachPlatform('the keys of an RSA channel that the server keeps', (platform) => {
  const app = useApp(platform, { controllers });

  it('are said to be kept in the response to the first message, and later ones need no ek', async () => {
    const channel = await app().visitor().handshake('RSA');
    expect(await echo(channel)).toEqual([201, true]);
    expect(await echo(channel, WITHOUT)).toEqual([201, undefined]);
    expect(await echo(channel)).toEqual([201, true]);
    expect(await echo(channel, WITHOUT)).toEqual([201, undefined]);
  });

  it('are not there before a message under them has opened: that is handshake-required', async () => {
    const channel = await app().visitor().handshake('RSA');
    const early = channel.message('POST', '/echo', json({}), WITHOUT);
    expectPlainProblem(await channel.post(early), 'handshake-required');
    const forged = channel.message('POST', '/echo', json({}));
    forged.jwe = `${forged.jwe.slice(0, -2)}${forged.jwe.endsWith('AA') ? 'BA' : 'AA'}`;
    expectPlainProblem(await channel.post(forged), 'message-rejected');
    expectPlainProblem(await channel.post(channel.message('POST', '/echo', json({}), WITHOUT)), 'handshake-required');
    expect(await echo(channel)).toEqual([201, true]);
  });

  it('are the first: a client that changes its mind must go on sending ek', async () => {
    const channel = await app().visitor().handshake('RSA');
    expect(await echo(channel)).toEqual([201, true]);
    const { keys } = channel;
    channel.rekey();
    expect(await echo(channel)).toEqual([201, undefined]);
    expectPlainProblem(await channel.post(channel.message('POST', '/echo', json({}), WITHOUT)), 'message-rejected');
    channel.keys = keys;
    expect(await echo(channel, WITHOUT)).toEqual([201, undefined]);
  });

  it('do not let anybody strip ek from a message on its way, or add it', async () => {
    const channel = await app().visitor().handshake('RSA');
    await echo(channel);
    for (const change of [WITHOUT, { ek: channel.ek }]) {
      const sent = channel.message('POST', '/echo', json({}), change.ek ? WITHOUT : {});
      const [, ...rest] = sent.jwe.split('.');
      const header = JSON.stringify({ ...sent.header, ...change });
      const jwe = [Buffer.from(header).toString('base64url'), ...rest].join('.');
      expectPlainProblem(await channel.post({ ...sent, jwe }), 'message-rejected');
    }
  });

  it('are said of RSA channels only, and an ek on any other is rejected', async () => {
    for (const kind of ['P-256', 'X25519'] as const) {
      const channel = await app().visitor().handshake(kind);
      expect(await echo(channel)).toEqual([201, undefined]);
      const odd = channel.message('POST', '/echo', json({}), { ek: 'AAAA' });
      expectPlainProblem(await channel.post(odd), 'message-rejected');
    }
  });

  it('are kept together with the proof of the device key', async () => {
    const bound = await TestApp.start(platform, { controllers, e2e: { deviceBinding: 'required' } });
    try {
      const device = es256();
      const channel = await shakeHands(bound.visitor(), device, 'RSA');
      expectPlainProblem(await channel.post(channel.message('POST', '/echo', json({}))), 'message-rejected');
      const bare = channel.message('POST', '/echo', json({}), { ...WITHOUT, dev: prove(device, channel.th) });
      expectPlainProblem(await channel.post(bare), 'handshake-required');
      expect(await echo(channel, { dev: prove(device, channel.th) })).toEqual([201, true]);
      expect(await echo(channel, WITHOUT)).toEqual([201, undefined]);
    } finally {
      await bound.close();
    }
  });

  it('shorten what the client sends', async () => {
    const client = app().client({ keyKind: 'RSA' });
    const lengths: number[] = [];
    for (let call = 0; call < 3; call++) {
      app().tap.clear();
      const response = await client.fetch('/echo', {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      expect(response.status).toBe(201);
      lengths.push(/\r\n\r\n(ey\S+)/.exec(app().tap.text.slice(app().tap.text.lastIndexOf('POST /echo')))![1]!.length);
    }
    const [first, second, third] = lengths as [number, number, number];
    expect(first - second).toBeGreaterThan(450);
    expect(Math.abs(third - second)).toBeLessThan(10);
  });

  it('are kept for every server that shares the store', async () => {
    const shared: E2eOptions = {
      session: 'channel',
      channelStore: new MemoryStore(),
      secret: SECRET,
      replayGuard: new MemoryReplayGuard(),
    };
    const servers = [
      await TestApp.start(platform, { controllers, e2e: shared }),
      await TestApp.start(platform, { controllers, e2e: shared }),
    ] as const;
    const at = async (server: TestApp, channel: Channel, members = {}): Promise<unknown> => {
      const message = channel.message('POST', '/echo', json({}), members);
      const headers = { 'Content-Type': 'application/jose' };
      const reply = await server.visitor().send({ method: 'POST', target: '/echo', headers, body: message.jwe });
      return channel.open(reply, message).header.kept;
    };
    try {
      const channel = await servers[0].visitor().handshake('RSA');
      // The second server has read the channel's record before there were keys in it.
      const early = channel.message('POST', '/echo', json({}), WITHOUT);
      const headers = { 'Content-Type': 'application/jose' };
      const refused = await servers[1].visitor().send({ method: 'POST', target: '/echo', headers, body: early.jwe });
      expectPlainProblem(refused, 'handshake-required');
      expect(await at(servers[0], channel)).toBe(true);
      expect(await at(servers[1], channel, WITHOUT)).toBeUndefined();
      expect(await at(servers[1], channel)).toBe(true);
      expect(await at(servers[0], channel, WITHOUT)).toBeUndefined();
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('are not said to be kept where they could not be stored, and the request is served', async () => {
    const channelStore = new BrittleStore();
    const e2e: E2eOptions = { session: 'channel', channelStore, secret: SECRET, replayGuard: new MemoryReplayGuard() };
    const brittle = await TestApp.start(platform, { controllers, e2e });
    try {
      const channel = await brittle.visitor().handshake('RSA');
      channelStore.isBroken = true;
      expect(await echo(channel)).toEqual([201, undefined]);
      expectPlainProblem(await channel.post(channel.message('POST', '/echo', json({}), WITHOUT)), 'handshake-required');
      channelStore.isBroken = false;
      expect(await echo(channel)).toEqual([201, true]);
      expect(await echo(channel, WITHOUT)).toEqual([201, undefined]);
    } finally {
      await brittle.close();
    }
  });
});
