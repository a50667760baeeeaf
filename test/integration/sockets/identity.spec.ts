import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Injectable,
  Post,
  Req,
  UseFilters,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import session from 'express-session';
import type { IncomingMessage } from 'node:http';
import passport from 'passport';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter, type SocketMiddleware } from '../../../src/ws/index.js';
import { json } from '../../external/conformance/channel.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { es256, prove, shakeHands, thief } from '../e2e/support/devices.js';
import { COOKIE_SECRET, SECRET, SessionController } from '../e2e/support/sessions.js';
import { Explaining, liveGateway } from './support/gateway.js';
import { SocketPeer } from './support/peer.js';

// Who a socket's client is: the device that its session is bound to, and the user that passport knows.

const Live = liveGateway('/live', Encrypted());

onEachPlatform('A sealed socket where device keys are required', (platform) => {
  const app = useApp(platform, {
    controllers: [SessionController],
    providers: [Live],
    e2e: { deviceBinding: 'required', secret: SECRET },
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });

  it('is let in as the first on its channel, with the proof of the key', async () => {
    const device = es256();
    const channel = await shakeHands(app().visitor(), device);
    const peer = await SocketPeer.open(channel, { members: { dev: prove(device, channel.th) } });
    expect(await peer.ask('echo', 'mine')).toEqual({ event: 'echo', data: 'mine' });
    peer.raw.terminate();
    const later = await SocketPeer.open(channel);
    expect(await later.ask('echo', 'proven')).toEqual({ event: 'echo', data: 'proven' });
    later.raw.terminate();
  });

  it.each([
    ['no proof', () => undefined],
    ['the proof of another key', prove],
  ])('is refused with %s, and the channel opens nothing before there is one', async (_, proofBy) => {
    const device = es256();
    const channel = await shakeHands(app().visitor(), device);
    const peer = await SocketPeer.open(channel, { members: { dev: proofBy(es256(), channel.th) } });
    expect(peer.isOpen).toBe(false);
    expect(peer.refusal).toContain('message-rejected');
    const honest = await SocketPeer.open(channel, { members: { dev: prove(device, channel.th) } });
    expect(honest.isOpen).toBe(true);
    honest.raw.terminate();
  });

  it('is refused to whoever has the cookie and another device', async () => {
    const device = es256();
    const victim = await shakeHands(app().visitor(), device);
    const proof = { members: { dev: prove(device, victim.th) } };
    expect((await victim.request('POST', '/session/notes', json({ note: 'mine' }), proof)).status).toBe(201);
    const other = es256();
    const channel = await shakeHands(thief(victim.visitor), other);
    expect(channel.answer.session).not.toBe(victim.answer.session);
    const peer = await SocketPeer.open(channel, {
      visitor: thief(victim.visitor),
      members: { dev: prove(other, channel.th) },
    });
    expect(peer.isOpen).toBe(false);
  });

  it('is opened by the client on its own', async () => {
    const socket = app().client({ deviceKey: true, webSocket: WebSocket }).webSocket('live');
    const log: string[] = [];
    socket.onopen = () => socket.send(JSON.stringify({ event: 'echo', data: 1 }));
    socket.onmessage = ({ data }) => log.push(data as string);
    socket.onclose = ({ code }) => log.push(`close ${code}`);
    await until(() => log.length > 0);
    expect(log).toEqual(['{"event":"echo","data":1}']);
    socket.close();
    await until(() => log.length > 1);
  });
});

interface User {
  readonly name: string;
}
type Socket = WebSocket & { user?: User };

@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getClient<Socket>().user !== undefined;
  }
}

@Encrypted()
@WebSocketGateway({ path: '/mine' })
class UserGateway implements OnGatewayConnection {
  handleConnection(client: Socket, { user }: IncomingMessage & { user?: User }): void {
    if (user) client.user = user;
  }
  @SubscribeMessage('whoami')
  @UseGuards(UserGuard)
  @UseFilters(Explaining)
  whoami(client: Socket): object {
    return { event: 'whoami', data: client.user };
  }
}

@Encrypted()
@Controller()
class LoginController {
  @Post('login')
  login(@Req() request: { session: { passport?: object } }): object {
    request.session.passport = { user: 'ada' };
    return {};
  }
}

describe('The guards of a sealed gateway', () => {
  const users = new passport.Passport();
  users.deserializeUser((name: string, done) => done(null, { name }));
  const middleware = [
    session({ secret: COOKIE_SECRET, saveUninitialized: false, resave: false }),
    users.session(),
  ] as unknown as SocketMiddleware[];
  const app = useApp('express', {
    controllers: [LoginController],
    providers: [UserGateway, UserGuard],
    e2e: { session: false, secret: SECRET },
    configure: (nest) => {
      nest.use(...middleware);
      nest.useWebSocketAdapter(new E2eWsAdapter(nest, { middleware }));
    },
  });

  it('see the user that passport puts on the request', async () => {
    const channel = await app().visitor().handshake('X25519');
    const before = await SocketPeer.open(channel, { target: '/mine' });
    expect(await before.ask('whoami')).toEqual({ event: 'failed', data: 'Forbidden resource' });
    expect((await channel.request('POST', '/login', json({}))).status).toBe(201);
    const after = await SocketPeer.open(channel, { target: '/mine' });
    expect(await after.ask('whoami')).toEqual({ event: 'whoami', data: { name: 'ada' } });
    for (const peer of [before, after]) peer.raw.terminate();
  });
});
