import { expect, it } from '@jest/globals';
import { createE2eClient } from '../../../src/client/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { Visitor } from '../../external/conformance/channel.js';
import { onEachPlatform } from '../e2e/support/apps.js';
import { CANARY, errorOf, expectPlainProblem } from '../e2e/support/raw.js';
import { useApplications } from './support/process.js';

onEachPlatform('@nestjs/throttler, its guard as APP_GUARD', (platform) => {
  const applications = useApplications(platform, 'throttler.app.ts');
  const handshake = (name: string) =>
    createE2eClient({ baseUrl: applications.url(name), keyKind: 'X25519' }).handshake();
  const tooMany = { code: 'handshake-failed', status: 429 };

  it('counts sealed requests; its 429 is sealed, and its headers stay', async () => {
    const agent = await e2eAgent(applications.url('Limited'));
    const send = () => agent.post('/notes').send({ text: CANARY });
    await send().expect(201).expect('x-ratelimit-limit', '2').expect('x-ratelimit-remaining', '1');
    await send().expect(201).expect('x-ratelimit-remaining', '0');
    const tap = applications.tap('Limited');
    tap.clear();
    await send()
      .expect(429, /Too Many Requests/)
      .expect('retry-after', /^\d+$/);
    expect(tap.text).toContain('HTTP/1.1 429');
    expect(tap.text).not.toMatch(/Throttler|canary/);
  });

  it('does not count what is refused before any guard: a plain request', async () => {
    const visitor = new Visitor(applications.url('Limited'));
    for (let i = 0; i < 4; i++) {
      expectPlainProblem(await visitor.send({ method: 'POST', target: '/notes' }), 'message-required');
    }
  });

  it('counts handshakes as any route, and the client says what stood before it', async () => {
    await handshake('Limited'); // the second one: the first was the agent's
    expect(await errorOf(handshake('Limited'))).toMatchObject(tooMany);
  });

  it('gives handshakes a limit of their own, or none, by the option `decorators`', async () => {
    for (let i = 0; i < 3; i++) await handshake('Apart');
    expect(await errorOf(handshake('Apart'))).toMatchObject(tooMany);
    for (let i = 0; i < 5; i++) await handshake('Free');
  });
});
