import { describe, expect, it, jest } from '@jest/globals';
import type { DeviceStorage, StoredDevice } from '../../../src/client/index.js';
import type { PublicJwk } from '../../../src/protocol/keys.js';
import { until } from '../../support/clock.js';
import { thumbprint } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();

function signalled(): { promise: Promise<unknown>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<unknown>((set) => (resolve = () => set(undefined)));
  return { promise, resolve };
}

describe('a call that is aborted', () => {
  it('before it begins, sends nothing', async () => {
    const reason = new Error('mine');
    await expect(setup.client().fetch('/x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(setup.server.handshakes).toBe(0);
  });

  it('before its message leaves, uses no number up', async () => {
    const client = setup.client();
    await client.handshake();
    await client.fetch('/x');
    const controller = new AbortController();
    const calls = Array.from({ length: 200 }, () => client.fetch('/x', { signal: controller.signal }));
    const settled = Promise.allSettled(calls);
    await Promise.resolve();
    controller.abort();
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    const left = setup.server.arrivals.length;
    await client.fetch('/x');
    expect(setup.server.arrivals.at(-1)!.header.seq).toBe(left + 2);
  });

  it('while it waits for the handshake, leaves the handshake to the others', async () => {
    const arrived = signalled();
    const held: (() => void)[] = [];
    const slow: typeof fetch = async (input, init) => {
      if (input === `${setup.server.url}/e2e/handshake`) {
        arrived.resolve();
        await new Promise<void>((resolve) => held.push(resolve));
      }
      return fetch(input, init);
    };
    const client = setup.client({ fetch: slow });
    const controller = new AbortController();
    const aborted = client.fetch('/x', { signal: controller.signal });
    const other = client.fetch('/y', { signal: new AbortController().signal });
    const asked = client.handshake({ signal: controller.signal });
    await arrived.promise;
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    held.forEach((go) => go());
    expect((await other).status).toBe(200);
    expect(setup.server.handshakes).toBe(1);
    expect(setup.server.arrivals.map(({ target }) => target)).toEqual(['/y']);
  });

  it('leaves the handshake also to an explicit one that waits for it', async () => {
    let answer: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const client = setup.client({ fetch: (input, init) => held.then(() => fetch(input, init)) });
    const controller = new AbortController();
    const aborted = client.fetch('/x', { signal: controller.signal });
    const asked = client.handshake();
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    answer!();
    const { kid } = await asked;
    await client.fetch('/y');
    expect([setup.server.arrivals[0]!.header.kid, setup.server.handshakes]).toEqual([kid, 1]);
  });

  it('as the last that waits for a handshake, ends it too: the next call does not wait for what hangs', async () => {
    let ended = 0;
    setup.server.refuse = (response) => {
      response.on('close', () => ended++);
      return setup.server.handshakes <= 2;
    };
    const client = setup.client();
    for (const call of [
      (signal: AbortSignal) => client.handshake({ signal }),
      (signal: AbortSignal) => client.fetch('/x', { signal }),
    ]) {
      const { handshakes } = setup.server;
      const controllers = [new AbortController(), new AbortController()];
      const calls = Promise.allSettled(controllers.map(({ signal }) => call(signal)));
      await until(() => setup.server.handshakes > handshakes);
      for (const controller of controllers) controller.abort();
      expect(await calls).toMatchObject(controllers.map(() => ({ reason: { name: 'AbortError' } })));
      await until(() => ended > handshakes);
    }
    expect((await client.fetch('/x')).status).toBe(200);
    expect(setup.server.handshakes).toBe(3);
  });

  it('while the device key is loaded, has it loaded only once: two could be made', async () => {
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    setup.server.device = thumbprint((await crypto.subtle.exportKey('jwk', keys.publicKey)) as PublicJwk);
    const waiting: ((stored: StoredDevice) => void)[] = [];
    const deviceKey: DeviceStorage = {
      get: () => new Promise((resolve) => waiting.push(resolve)),
      set: () => Promise.resolve(),
    };
    const client = setup.client({ deviceKey });
    const controller = new AbortController();
    const aborted = client.fetch('/x', { signal: controller.signal });
    await until(() => waiting.length > 0);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    const next = client.fetch('/x');
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const give of waiting) give({ keys });
    expect((await next).status).toBe(200);
    expect(waiting).toHaveLength(1);
  });

  it('while its answer is under way, ends at once', async () => {
    const arrived = signalled();
    setup.server.interfere = (response) => {
      response.writeHead(200, { 'content-type': 'application/jose' });
      response.write('ey');
      arrived.resolve();
      return true;
    };
    const controller = new AbortController();
    const call = setup.client().fetch('/x', { signal: controller.signal });
    await arrived.promise;
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('between two redirects, goes no further', async () => {
    const controller = new AbortController();
    setup.server.reply = () => ({ status: 302, location: '/again' });
    const client = setup.client({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (setup.server.arrivals.length === 3) controller.abort();
        return response;
      },
    });
    await expect(client.fetch('/x', { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(setup.server.arrivals).toHaveLength(3);
  });

  it('by the signal of its Request', async () => {
    const controller = new AbortController();
    setup.server.interfere = () => (controller.abort(), true);
    const request = new Request(`${setup.server.url}/x`, { signal: controller.signal });
    await expect(setup.client().fetch(request)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('does not disturb the channel for the next', async () => {
    const client = setup.client();
    await client.handshake();
    await expect(client.fetch('/x', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect((await client.fetch('/x')).status).toBe(200);
    expect(setup.server.handshakes).toBe(1);
  });
});

describe('a client that is closed', () => {
  it('ends the calls that wait for a channel, and begins anew with the next', async () => {
    let hold = true;
    setup.server.refuse = () => hold;
    const client = setup.client();
    const waiting = errorOf(client.fetch('/x'));
    await until(() => setup.server.handshakes > 0);
    const renewed = errorOf(client.handshake({ renew: true }));
    await new Promise((resolve) => setImmediate(resolve));
    client.close();
    expect([(await waiting).code, (await renewed).code]).toEqual(['closed', 'closed']);
    hold = false;
    expect((await client.fetch('/x')).status).toBe(200);
  });

  it('ends them also where its fetch does not heed a signal', async () => {
    const client = setup.client({ fetch: (input, init) => fetch(input, { ...init, signal: null }) });
    const waiting = errorOf(client.fetch('/x'));
    await until(() => setup.server.handshakes > 0);
    client.close();
    expect((await waiting).code).toBe('closed');
    expect(setup.server.arrivals).toHaveLength(0);
  });

  it('sends no handshake whose keys are made only then, not even by a fetch that does not heed a signal', async () => {
    const made = signalled();
    const generateKey = crypto.subtle.generateKey.bind(crypto.subtle) as (...args: unknown[]) => Promise<CryptoKeyPair>;
    const making = jest.spyOn(crypto.subtle, 'generateKey');
    making.mockImplementationOnce((async (...args: unknown[]) => {
      const keys = await generateKey(...args);
      await made.promise;
      return keys;
    }) as never);
    try {
      const client = setup.client({ engine: 'web', fetch: (input, init) => fetch(input, { ...init, signal: null }) });
      const waiting = errorOf(client.fetch('/x'));
      await until(() => making.mock.calls.length > 0);
      client.close();
      expect((await waiting).code).toBe('closed');
      made.resolve();
      await client.fetch('/x');
      expect(setup.server.handshakes).toBe(1);
    } finally {
      making.mockRestore();
    }
  });

  it('has forgotten its channel and its cookies', async () => {
    const client = setup.client();
    await client.fetch('/x');
    client.close();
    await client.fetch('/x');
    const [first, second] = setup.server.arrivals.map(({ headers, header }) => ({
      cookie: headers.cookie,
      kid: header.kid,
    }));
    expect(second!.kid).not.toBe(first!.kid);
    expect(second!.cookie).not.toBe(first!.cookie);
  });
});

describe('a connection that fails', () => {
  it('behaves as with fetch', async () => {
    const client = setup.client();
    await client.handshake();
    setup.server.interfere = (response) => (response.destroy(), true);
    await expect(client.fetch('/x')).rejects.toMatchObject({ name: 'TypeError' });
    setup.server.interfere = undefined;
    expect((await client.fetch('/x')).status).toBe(200);
    expect(setup.server.arrivals.map(({ header }) => header.seq)).toEqual([2, 3]);
  });
});
