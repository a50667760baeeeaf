import { describe, expect, it } from '@jest/globals';
import { FRAME_KIND } from '../../../src/protocol/frames.js';
import { until } from '../../support/clock.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();

/** The server redirects what comes to /from, and echoes the rest. */
function redirect(status: number, location: string): void {
  setup.server.reply = ({ target, plaintext, method }) =>
    target === '/from' ? { status, location } : { body: JSON.stringify({ method, target, plaintext }) };
}

describe('a redirect', () => {
  it.each([
    [301, 'GET', 'GET', false],
    [301, 'POST', 'GET', false],
    [302, 'POST', 'GET', false],
    [302, 'PUT', 'PUT', true],
    [303, 'POST', 'GET', false],
    [303, 'DELETE', 'GET', false],
    [307, 'POST', 'POST', true],
    [308, 'PUT', 'PUT', true],
  ])('%i of %s is followed with %s, as fetch would', async (status, method, then, keepsBody) => {
    redirect(status, '/to');
    const body = method === 'GET' || method === 'DELETE' ? null : 'body';
    const response = await setup.client().fetch('/from', { method, body, headers: { 'x-own': '1' } });
    expect(await response.json()).toEqual({ method: then, target: '/to', plaintext: keepsBody ? 'body' : '' });
    expect(response.redirected).toBe(true);
    expect(response.url).toBe(`${setup.server.url}/to`);
    const [first, second] = setup.server.arrivals;
    expect(second!.header.seq).toBe(first!.header.seq + 1);
    expect(second!.headers['x-own']).toBe('1');
  });

  it('has its query sealed anew', async () => {
    redirect(303, '/to?name=ada#there');
    const response = await setup.client().fetch('/from', { method: 'POST', body: 'b' });
    expect(await response.json()).toEqual({ method: 'GET', target: '/to', plaintext: '' });
    expect(setup.server.arrivals.at(-1)!.meta).toEqual({ query: 'name=ada' });
    expect(response.url).toBe(`${setup.server.url}/to?name=ada`);
  });

  it('has its query sealed also after a body that went in the clear', async () => {
    redirect(303, '/to?name=ada');
    const init = { method: 'POST', body: 'b', e2e: { request: false } };
    expect(await (await setup.client().fetch('/from', init)).json()).toMatchObject({ target: '/to' });
    expect(setup.server.arrivals.at(-1)!.meta).toEqual({ query: 'name=ada' });
  });

  it('is followed under the rules for resending of its own method', async () => {
    const client = setup.client();
    redirect(303, '/to');
    const { reply } = setup.server;
    setup.server.reply = (arrival) => {
      if (arrival.target === '/from') setup.server.channels.clear();
      return reply(arrival);
    };
    const post = { method: 'POST', body: 'b' };
    expect((await client.fetch('/from', post)).status).toBe(200);
    expect((await errorOf(client.fetch('/from', { ...post, e2e: { resend: false } }))).problem).toBe(
      'handshake-required',
    );
  });

  it('is resolved against the URL that it came from', async () => {
    setup.server.reply = ({ target }) =>
      target === '/a/from' ? { status: 302, location: 'to' } : { body: JSON.stringify(target) };
    expect(await (await setup.client().fetch('/a/from')).json()).toBe('/a/to');
  });

  it('is handed over where the call says manual', async () => {
    redirect(302, 'http://elsewhere.test/');
    const response = await setup.client().fetch('/from', { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://elsewhere.test/']);
    expect(response.redirected).toBe(false);
  });

  it.each([
    ['the call refuses it', '/to', 'error'],
    ['it leads to another origin', 'http://127.0.0.1:1/to', 'follow'],
    ['it leads to no URL', 'http://[', 'follow'],
    ['it leads out of HTTP', 'data:text/plain,a', 'follow'],
  ] as const)('is refused where %s', async (_, location, mode) => {
    redirect(307, location);
    const error = await errorOf(setup.client().fetch('/from', { method: 'POST', body: 'b', redirect: mode }));
    expect(error.code).toBe('redirect-refused');
    expect(setup.server.arrivals).toHaveLength(1);
  });

  it.each(['/to', 'http://127.0.0.1:1/to'])('leaves no body behind that does not end: to %s', async (location) => {
    let isClosed = false;
    setup.server.interfere = (response, { target, sealFrames }, seal) => {
      if (target !== '/from') return false;
      const head = seal({ status: 302, location }, { cty: 'text/plain', frames: 'body' });
      response.writeHead(200, { 'content-type': 'application/vnd.e2e.stream' });
      response.write(`${head}\n`);
      response.write(sealFrames(head).seal(FRAME_KIND.more, Buffer.from('Found. ')));
      response.on('close', () => (isClosed = true));
      return true;
    };
    const outcome = await setup
      .client()
      .fetch('/from')
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject(location === '/to' ? { redirected: true } : { code: 'redirect-refused' });
    await until(() => isClosed);
  });

  it('is followed twenty times, not more', async () => {
    setup.server.reply = ({ target }) => {
      const left = Number(target.slice(1));
      return left > 0 ? { status: 302, location: `/${left - 1}` } : { body: '"there"' };
    };
    const client = setup.client();
    expect(await (await client.fetch('/20')).json()).toBe('there');
    expect((await errorOf(client.fetch('/21'))).code).toBe('redirect-refused');
  });

  it('without a Location is an answer like any other', async () => {
    setup.server.reply = () => ({ status: 302, body: '"where?"' });
    const response = await setup.client().fetch('/from');
    expect([response.status, await response.json()]).toEqual([302, 'where?']);
  });
});
