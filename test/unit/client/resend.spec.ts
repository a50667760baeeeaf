import { describe, expect, it } from '@jest/globals';
import type { E2eClient, E2eClientOptions } from '../../../src/client/index.js';
import type { E2eRequestInit } from '../../../src/client/call/draft.js';
import type { PublicJwk } from '../../../src/protocol/keys.js';
import { letTimePass, until } from '../../support/clock.js';
import { problem, sealedProblem, thumbprint, type Interfere } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();

/** The server forgets all channels, as by a restart. */
function forget(): void {
  setup.server.channels.clear();
}

describe('a request that the server refuses for its channel', () => {
  it.each<[string, E2eRequestInit]>([
    ['GET', {}],
    ['PUT', { method: 'PUT', body: 'b' }],
    ['DELETE', { method: 'DELETE' }],
    ['OPTIONS', { method: 'OPTIONS' }],
    ['POST with an Idempotency-Key', { method: 'POST', body: 'b', headers: { 'Idempotency-Key': 'k' } }],
    ['POST whose call allows it', { method: 'POST', body: 'b', e2e: { resend: true } }],
  ])('is sent once more on a new channel: %s', async (_, init) => {
    const client = setup.client();
    await client.handshake();
    forget();
    const response = await client.fetch('/x', init);
    expect(response.status).toBe(200);
    expect(setup.server.handshakes).toBe(2);
    expect(setup.server.arrivals).toHaveLength(1);
    expect(setup.server.arrivals[0]!.plaintext).toBe(init.body ?? '');
  });

  it.each<[string, E2eRequestInit, E2eClientOptions]>([
    ['POST', { method: 'POST', body: 'b' }, {}],
    ['PATCH', { method: 'PATCH', body: 'b' }, {}],
    ['GET whose call forbids it', { e2e: { resend: false } }, { resend: true }],
    ['GET where the client forbids it', {}, { resend: false }],
    ['PUT where the function says no', { method: 'PUT', body: 'b' }, { resend: () => false }],
    ['POST where the function says nothing', { method: 'POST', body: 'b' }, { resend: () => undefined }],
  ])('is not sent again: %s; the next call finds a new channel', async (_, init, options) => {
    const client = setup.client(options);
    await client.handshake();
    forget();
    const error = await errorOf(client.fetch('/x', init));
    expect(error).toMatchObject({ code: 'plain-answer', problem: 'handshake-required', status: 428 });
    expect(error.message).toMatch(/not sent again/);
    expect(setup.server.arrivals).toHaveLength(0);
    expect((await client.fetch('/x', init)).status).toBe(200);
    expect(setup.server.handshakes).toBe(2);
  });

  it('is sent again where the client’s function says so, which sees the request', async () => {
    const client = setup.client({
      resend: ({ method, url, headers }) => method === 'POST' && url.endsWith('/search?a=1') && headers.has('x-own'),
    });
    await client.handshake();
    forget();
    const init = { method: 'POST', body: 'b', headers: { 'x-own': '1' } };
    expect((await client.fetch('/search?a=1', init)).status).toBe(200);
    forget();
    expect((await errorOf(client.fetch('/other', init))).problem).toBe('handshake-required');
  });

  it('is sent again once, not endlessly', async () => {
    setup.server.interfere = (response) => (problem(response, 428, 'handshake-required'), true);
    const error = await errorOf(setup.client().fetch('/x'));
    expect(error.problem).toBe('handshake-required');
    expect(setup.server.handshakes).toBe(2);
    expect(setup.server.arrivals).toHaveLength(2);
  });

  it.each<[string, Interfere]>([
    ['a plain handshake-required', (response) => (problem(response, 428, 'handshake-required'), true)],
    [
      'a sealed handshake-required',
      (response, _, seal) => {
        response.writeHead(428, { 'content-type': 'application/jose' });
        response.end(seal(sealedProblem(428, 'handshake-required')));
        return true;
      },
    ],
  ])('gets a new channel after %s', async (_, refuse) => {
    setup.server.interfere = (...args) => setup.server.arrivals.length === 1 && refuse(...args);
    const response = await setup.client().fetch('/x');
    expect(response.status).toBe(200);
    const [first, second] = setup.server.arrivals.map(({ header }) => header);
    expect(second!.kid).not.toBe(first!.kid);
  });

  it('names its first copy, with a proof that its own client makes', async () => {
    setup.server.interfere = (response) =>
      setup.server.arrivals.length === 1 && (problem(response, 428, 'handshake-required'), true);
    await setup.client().fetch('/x');
    const [first, second] = setup.server.arrivals.map(({ header }) => header);
    expect(first!.again).toBeUndefined();
    expect(second!.again).toEqual({ kid: first!.kid, seq: first!.seq, tag: expect.stringMatching(/^[\w-]{22}$/) });
  });

  it('is not sent again after a plain message-stale, which anybody can write', async () => {
    setup.server.interfere = (response) => (problem(response, 400, 'message-stale'), true);
    expect((await errorOf(setup.client().fetch('/x'))).problem).toBe('message-stale');
    expect([setup.server.arrivals.length, setup.server.handshakes]).toEqual([1, 1]);
  });

  it('is not sent again where its first copy’s channel ends during the new handshake', async () => {
    const client = setup.client();
    await client.fetch('/x');
    forget();
    let back: (() => void) | undefined;
    setup.server.tamper = (answer) => {
      back = letTimePass(setup.server.ttl);
      return answer;
    };
    try {
      const error = await errorOf(client.fetch('/x'));
      expect(error).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect(error.message).toMatch(/not sent again/);
      expect([setup.server.arrivals.length, setup.server.handshakes]).toEqual([1, 2]);
    } finally {
      back?.();
    }
  });

  it('says that a login may have made a new session, and what to call', async () => {
    const client = setup.client();
    await client.fetch('/x');
    forget();
    const { message } = await errorOf(client.fetch('/x', { method: 'POST', body: 'b' }));
    expect(message).toContain(
      'login or logout may have created a new session: call client.handshake({ renew: true }) after',
    );
  });

  it('gets the server’s clock with the new channel, when its own has drifted (message-stale, sealed)', async () => {
    const client = setup.client();
    await client.fetch('/x');
    setup.server.clockOffset = 4000;
    setup.server.ttl = 9000;
    expect((await client.fetch('/x')).status).toBe(200);
    expect(setup.server.handshakes).toBe(2);
    expect(Math.abs(setup.server.arrivals.at(-1)!.header.iat - setup.server.now())).toBeLessThanOrEqual(2);
  });

  it('that was not sent again after a sealed problem, rejects with it', async () => {
    setup.server.reply = () => sealedProblem(400, 'message-stale');
    const client = setup.client();
    const error = await errorOf(client.fetch('/x', { method: 'POST', body: 'b' }));
    expect(error).toMatchObject({ code: 'refused', problem: 'message-stale', status: 400 });
    await client.handshake();
    expect(setup.server.handshakes).toBe(2);
  });

  it('shares its new channel with all that were refused with it', async () => {
    const client = setup.client();
    await client.handshake();
    forget();
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.fetch('/x')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(setup.server.handshakes).toBe(2);
  });
});

describe('an explicit handshake', () => {
  it('opens a channel where none is open', async () => {
    const client = setup.client();
    const first = await client.handshake();
    expect(await client.handshake()).toEqual(first);
    expect(setup.server.handshakes).toBe(1);
  });

  it('opens a new one with `renew`, the same one for several at once', async () => {
    const client = setup.client();
    const first = await client.handshake();
    const renew = true;
    const [second, third] = await Promise.all([client.handshake({ renew }), client.handshake({ renew })]);
    expect(second.kid).not.toBe(first.kid);
    expect(third).toEqual(second);
    await client.fetch('/x');
    expect([setup.server.arrivals[0]!.header.kid, setup.server.handshakes]).toEqual([second.kid, 2]);
  });

  it('opens a new one with `renew` also while a call opens one, after it', async () => {
    const { client, release } = await whileACallOpensOne();
    const call = client.fetch('/x');
    await until(() => setup.server.handshakes === 2);
    const renew = true;
    const renewals = Promise.all([client.handshake({ renew }), client.handshake({ renew })]);
    release();
    expect((await call).status).toBe(200);
    const [first, second] = await renewals;
    expect(second).toEqual(first);
    expect([first.kid, setup.server.handshakes]).toEqual([[...setup.server.channels.keys()].at(-1), 3]);
    expect(setup.server.arrivals[0]!.header.kid).not.toBe(first.kid);
  });

  it('with `renew` waits for no handshake that hangs once its signal says so', async () => {
    const { client, release } = await whileACallOpensOne();
    const call = client.fetch('/x');
    await until(() => setup.server.handshakes === 2);
    const controller = new AbortController();
    const renewed = client.handshake({ renew: true, signal: controller.signal });
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(renewed).rejects.toMatchObject({ name: 'AbortError' });
    release();
    expect((await call).status).toBe(200);
  });

  it('accepts a new session also while a call is about to be told of it', async () => {
    const deviceKey = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'sign',
      'verify',
    ]);
    setup.server.device = thumbprint((await crypto.subtle.exportKey('jwk', deviceKey.publicKey)) as PublicJwk);
    const { client, release } = await whileACallOpensOne({ deviceKey });
    const call = errorOf(client.fetch('/x'));
    await until(() => setup.server.handshakes === 2);
    const accepted = client.handshake();
    release();
    expect((await call).code).toBe('session-changed');
    const { kid } = await accepted;
    expect((await client.fetch('/x')).status).toBe(200);
    expect([setup.server.arrivals[0]!.header.kid, setup.server.handshakes]).toEqual([kid, 3]);
  });

  /** A client whose channel the server has lost, and whose next handshake is answered when it is released. */
  async function whileACallOpensOne(
    options: E2eClientOptions = {},
  ): Promise<{ client: E2eClient; release: () => void }> {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const client = setup.client({
      ...options,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (setup.server.handshakes === 2) await released;
        return response;
      },
    });
    await client.handshake();
    forget();
    return { client, release };
  }
});

describe('a channel that comes to its end', () => {
  it('is replaced before it does', async () => {
    const client = setup.client();
    await client.fetch('/x');
    await client.fetch('/x');
    expect(setup.server.handshakes).toBe(1);
    const back = letTimePass(setup.server.ttl);
    try {
      await client.fetch('/x', { method: 'POST', body: 'b' });
      expect(setup.server.handshakes).toBe(2);
    } finally {
      back();
    }
  });

  it('goes by the server’s clock', async () => {
    setup.server.clockOffset = -100_000;
    const client = setup.client();
    const before = setup.server.now();
    await client.fetch('/x');
    await client.fetch('/x');
    expect(setup.server.handshakes).toBe(1);
    const { iat } = setup.server.arrivals[0]!.header;
    expect(iat).toBeGreaterThanOrEqual(before - 1);
    expect(iat).toBeLessThanOrEqual(setup.server.now() + 1);
  });
});
