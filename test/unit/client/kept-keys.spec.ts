import { describe, expect, it } from '@jest/globals';
import { problem, type Interfere } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();

/** Says in every response what the server says of the keys. */
const saying =
  (members: object): Interfere =>
  (response, _, seal) => {
    response.writeHead(200, { 'content-type': 'application/jose' });
    response.end(seal({ body: '{}' }, { ...members }));
    return true;
  };

const hadKey = (): boolean[] => setup.server.arrivals.map(({ header }) => header.ek !== undefined);

describe('the half of an RSA channel’s keys that requests carry', () => {
  it('is left out after the server has said that it keeps the keys', async () => {
    const client = setup.client({ keyKind: 'RSA' });
    setup.server.interfere = saying({ kept: true });
    for (let call = 0; call < 3; call++) await client.fetch('/x');
    expect(hadKey()).toEqual([true, false, false]);
    await client.handshake({ renew: true });
    await client.fetch('/x');
    expect(hadKey()).toEqual([true, false, false, true]);
  });

  it('goes with every request to a server that does not say so', async () => {
    const client = setup.client({ keyKind: 'RSA' });
    for (let call = 0; call < 3; call++) await client.fetch('/x');
    expect(hadKey()).toEqual([true, true, true]);
  });

  it.each([false, null, 1, 'true'])('makes a response with another value of it invalid: %j', async (kept) => {
    setup.server.interfere = saying({ kept });
    expect(await errorOf(setup.client({ keyKind: 'RSA' }).fetch('/x'))).toMatchObject({ code: 'answer-rejected' });
  });

  it('is sent again after a message was rejected: by a server of an older version, perhaps', async () => {
    const client = setup.client({ keyKind: 'RSA' });
    setup.server.interfere = saying({ kept: true });
    await client.fetch('/x');
    setup.server.interfere = (response) => (problem(response, 400, 'message-rejected'), true);
    await errorOf(client.fetch('/x'));
    setup.server.interfere = undefined;
    await client.fetch('/x');
    expect(hadKey()).toEqual([true, false, true]);
    expect(setup.server.handshakes).toBe(1);
  });
});
