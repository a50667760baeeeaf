import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { findLeaks } from '../../../src/testing/leaks.js';
import { requestPlaces, responsePlaces } from '../../../src/testing/places.js';
import { secretsOfBody, secretsOfValue } from '../../../src/testing/secrets.js';
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

describe('a body in frames', () => {
  const form = [
    '--b',
    'Content-Disposition: form-data; name="file"; filename="report-zulu.pdf"',
    'Content-Type: application/pdf',
    '',
    `the first line of a file of which nobody may read ${'x'.repeat(40)} anything`,
    '--b--',
    '',
  ].join('\r\n');
  const secrets = secretsOfBody('body', 'multipart/form-data; boundary=b', Buffer.from(form));
  const head = Buffer.from(`${Buffer.from('{"alg":"dir","frames":"body"}').toString('base64url')}..AAAA.AAAA.AAAA\n`);
  const frame = (kind: number, sealed: Uint8Array) =>
    Buffer.concat([Buffer.from([kind, sealed.length >> 16, (sealed.length >> 8) & 255, sealed.length & 255]), sealed]);
  const random = (length: number) => frame(0, randomBytes(length));
  const leaksAfter = (start: Uint8Array, ...parts: readonly Uint8Array[]) => {
    const places = requestPlaces({
      method: 'POST',
      url: new URL('http://host.test/files'),
      requestHeaders: new Headers({ 'content-type': 'application/vnd.e2e.stream' }),
      requestBody: Buffer.concat([start, ...parts]).toString('latin1'),
      status: 200,
      reason: '',
      responseHeaders: new Headers(),
      responseBody: '',
      extra: [],
    });
    return findLeaks(secrets, places);
  };
  const leaksIn = (...parts: readonly Uint8Array[]) => leaksAfter(head, ...parts);
  const text = (from: number, to?: number) => Buffer.from(form.slice(from, to));

  it('is ciphertext, and no secret is found in it by chance', () => {
    expect(leaksIn(random(60_000), random(60_000), frame(1, randomBytes(16)))).toEqual([]);
    // One that was let go in the middle.
    expect(leaksIn(random(60_000), random(60_000).subarray(0, 100))).toEqual([]);
  });

  it.each<[string, Uint8Array[], RegExp]>([
    ['a form', [random(5000), frame(0, Buffer.concat([text(0), randomBytes(16)]))], /the file name of the body part/],
    ['the head of a part', [frame(0, Buffer.concat([randomBytes(99), text(5, 110)]))], /the headers of the body part/],
    ['a file name', [frame(0, Buffer.concat([randomBytes(99), Buffer.from('report-ZULU.pdf')]))], /the file name of/],
    ['a part of a file', [random(9000), frame(1, Buffer.concat([randomBytes(3), text(130, 160)]))], /part of the body/],
    ['what is in no frame', [random(50), Buffer.from(`\n\n${form.slice(120, 131)}`)], /part of the body part "file"/],
    ['what follows the last', [frame(1, randomBytes(20)), text(120, 131)], /part of the body part "file"/],
  ])('is not, where %s can be read', (_what, parts, found) => {
    expect(leaksIn(...parts).join('\n')).toMatch(found);
  });

  it('begins with a head, whose own members are all that may be read there', () => {
    const members = '{"alg":"dir","note":"report-zulu.pdf"}';
    const leaking = Buffer.from(`${Buffer.from(members).toString('base64url')}..AAAA.AAAA.AAAA\n`);
    expect(leaksAfter(leaking, random(100)).join()).toMatch(
      /the file name of the body part "file" can be read in the request's body/,
    );
  });
});
