import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent, request, type E2eAgent } from '../../../src/testing/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SessionController } from '../e2e/support/sessions.js';
import { liveGateway, type LiveGateway } from '../sockets/support/gateway.js';

const Live = liveGateway('/live', Encrypted());

onEachPlatform('a sealed socket of the testing kit', (platform) => {
  const app = useApp(platform, {
    controllers: [SessionController],
    providers: [Live],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  let agent: E2eAgent;
  beforeAll(async () => void (agent = await e2eAgent(app().nest)));
  afterAll(() => agent.close());

  it('sends text, JSON and bytes, and has what comes in its order', async () => {
    const socket = await agent.webSocket('/live', ['v1.notes']);
    expect(socket.protocol).toBe('v1.notes');
    socket.send({ event: 'echo', data: 1 }).send('{"event":"echo","data":2}');
    expect(await socket.nextJson()).toEqual({ event: 'echo', data: 1 });
    expect(await socket.next()).toBe('{"event":"echo","data":2}');
    socket.send(new Uint8Array([1, 2]));
    expect(await socket.next()).toEqual(new Uint8Array([255, 1, 2]));
    expect(await socket.close(3000, 'enough')).toEqual({ code: 3000, reason: 'enough' });
  });

  it('serves waits that run at once, in their order', async () => {
    const socket = await agent.webSocket('/live');
    const both = Promise.all([socket.nextJson(), socket.nextJson()]);
    const end = socket.expectEnd(3001);
    const none = socket.next().then(undefined, (error: unknown) => (error as Error).message);
    for (const data of [1, 2]) socket.send({ event: 'echo', data });
    expect(await both).toEqual([1, 2].map((data) => ({ event: 'echo', data })));
    socket.send({ event: 'bye' });
    expect(await end).toEqual({ code: 3001, reason: 'as asked' });
    expect(await none).toBe('The socket ended (3001 as asked) before a message came');
  });

  it('gives up each wait by itself after 5 seconds', async () => {
    const socket = await agent.webSocket('/live');
    const advance = stopTimers();
    const late = [socket.next(), socket.expectEnd(1000)].map((wait) =>
      wait.then(undefined, (error: unknown) => (error as Error).message),
    );
    advance(5_000);
    expect(await Promise.all(late)).toEqual(['No message came within 5 s', 'The socket did not end within 5 s']);
    jest.useRealTimers();
    // What nobody waits for any more is for the next who asks.
    socket.send({ event: 'echo', data: 1 });
    expect(await socket.nextJson()).toMatchObject({ data: 1 });
    await socket.close();
  });

  it('is closed with its agent, open or not, so that no test keeps the process from its end', async () => {
    const visitor = await e2eAgent(app().nest);
    const open = await visitor.webSocket('/live');
    await (await visitor.webSocket('/live')).close();
    await expect(visitor.webSocket('/nowhere')).rejects.toThrow();
    await visitor.close();
    await expect(open.expectEnd(1005)).resolves.toEqual({ code: 1005, reason: '' });
    await until(() => app().get<LiveGateway>(Live).server.clients.size === 0);
    await visitor.close();
  });

  it('is on the agent’s session, and ends with it', async () => {
    const [one, other] = [await agent.webSocket('/live'), await e2eAgent(app().nest)];
    const theirs = await other.webSocket('/live');
    await agent.post('/session/revoke').expect(201);
    await one.expectEnd(4401);
    theirs.send({ event: 'echo', data: 'still there' });
    expect(await theirs.nextJson()).toMatchObject({ data: 'still there' });
    await other.close();
  });

  it('says at the test’s own line what was not as expected', async () => {
    const socket = await agent.webSocket('/live');
    socket.send({ event: 'bye' });
    const wrong = await socket.expectEnd(1000).catch((error: unknown) => error as Error);
    expect(wrong).toMatchObject({ message: 'The socket ended with 3001 as asked, not with 1000' });
    expect((wrong as Error).stack).toContain('sockets.spec');
    await expect(socket.next()).rejects.toThrow('The socket ended (3001 as asked) before a message came');
    await expect(socket.expectEnd(3001, 'as asked')).resolves.toMatchObject({ code: 3001 });
    const text = await agent.webSocket('/live');
    text.send(new Uint8Array(1));
    await expect(text.nextJson()).rejects.toThrow('The message is no JSON');
    await text.close();
  });

  it('does not open where no sealed gateway is, and says so', async () => {
    await expect(agent.webSocket('/nowhere')).rejects.toMatchObject({ code: 'plain-answer' });
    const visitor = request.agent(app().nest);
    const socket = await visitor.webSocket('/live');
    await socket.close();
    await visitor.close();
  });
});
