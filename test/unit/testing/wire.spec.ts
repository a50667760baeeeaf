import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { findLeaks } from '../../../src/testing/leaks.js';
import { responsePlaces } from '../../../src/testing/places.js';
import { secretsOfValue } from '../../../src/testing/secrets.js';
import { WireRecorder } from '../../../src/testing/wire.js';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function serve(listener: NonNullable<Parameters<typeof createServer>[1]>): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((listening) => server.once('listening', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

it('records what fetch hides: informational responses, the reason phrase, trailers', async () => {
  const url = await serve((_request, response) => {
    response.writeEarlyHints({ link: '</one-canary>; rel=preload' });
    response.writeHead(200, 'two-canary', {
      trailer: 'x-last',
      'x-header': 'three-canary',
      'set-cookie': ['a=1', 'b=2'],
    });
    response.write('four-canary');
    response.addTrailers({ 'x-last': 'five-canary' });
    response.end();
  });
  const recorder = new WireRecorder();
  const { result, exchanges } = await recorder.record(true, () =>
    recorder.fetch(url, { method: 'POST', body: 'sent' }),
  );
  expect(await result.text()).toBe('four-canary');
  expect(result.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  expect(exchanges[0]).toMatchObject({ method: 'POST', requestBody: 'sent', status: 200 });
  const secrets = secretsOfValue('body', ['one-canary', 'two-canary', 'three-canary', 'four-canary', 'five-canary']);
  const places = responsePlaces(exchanges[0]!, { url: new URL(url), headers: new Headers() });
  expect(findLeaks(secrets, places).filter((leak) => !leak.startsWith('part'))).toEqual([
    'the body member "[1]" can be read in the response\'s reason phrase',
    'the body member "[2]" can be read in the response\'s header x-header',
    'the body member "[0]" can be read in the response\'s header of the informational response 103, link',
    'the body member "[4]" can be read in the response\'s trailer, x-last',
    'the body member "[3]" can be read in the response\'s body',
  ]);
});

it('sends its cookies with every request, and what is set later in place of them', async () => {
  const seen: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    seen.push(request.headers.cookie);
    response.end();
  });
  const { fetch } = new WireRecorder('sid=old; lang=de');
  await fetch(url);
  await fetch(url, { headers: { cookie: 'sid=new' } });
  expect(seen).toEqual(['sid=old; lang=de', 'sid=new; lang=de']);
});
