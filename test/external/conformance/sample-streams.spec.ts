import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createE2eClient, E2eClientError, type E2eClient } from '../../../src/client/index.js';
import { frame, KIND, sendUpload, upload } from '../../integration/streams/support/frames.js';
import { Visitor } from './channel.js';
import { startSample, type Sample } from './server.js';

interface FileInfo {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.each(['express', 'fastify'])('the sample’s files, events and answers in pieces, on %s', (platform) => {
  let sample: Sample;
  beforeAll(async () => {
    sample = await startSample({ PLATFORM: platform });
  });
  afterAll(() => sample.stop());

  const visitor = (): E2eClient => createE2eClient({ baseUrl: sample.base, keyKind: 'X25519' });
  const list = async (client: E2eClient): Promise<FileInfo[]> =>
    (await (await client.fetch('/files')).json()) as FileInfo[];

  it.each([0, 1, 65_535, 65_536, 3_000_000])('keeps a file of %d bytes, of a form', async (size) => {
    const client = visitor();
    const bytes = randomBytes(size);
    const body = new FormData();
    body.append('note', 'before');
    body.append('file', new File([bytes], 'résumé “1”.pdf', { type: 'application/pdf' }));
    const answer = await client.fetch('/files', { method: 'POST', body });
    expect(answer.status).toBe(201);
    const info = (await answer.json()) as FileInfo;
    expect(info).toEqual({ id: info.id, name: 'résumé “1”.pdf', size, sha256: sha256(bytes) });
    expect(await list(client)).toEqual([info]);

    const download = await client.fetch(`/files/${info.id}`);
    expect(sha256(Buffer.from(await download.arrayBuffer()))).toBe(info.sha256);
    // An empty body has no media type.
    expect(download.headers.get('content-type')).toBe(size > 0 ? 'application/pdf' : null);
    expect(download.headers.get('content-disposition')).toContain(
      "filename*=UTF-8''r%C3%A9sum%C3%A9%20%E2%80%9C1%E2%80%9D.pdf",
    );
  });

  it.each([
    ['application/json', '{"a":[1]}'],
    ['application/x-www-form-urlencoded', 'a=1&b=2'],
    ['text/plain', 'words'],
    ['application/octet-stream', ''],
  ])('keeps any other body as it is: %s', async (type, body) => {
    const client = visitor();
    const init = { method: 'POST', headers: { 'content-type': type }, body };
    const info = (await (await client.fetch('/files?name=a.txt', init)).json()) as FileInfo;
    expect(info).toMatchObject({ name: 'a.txt', size: body.length, sha256: sha256(Buffer.from(body)) });
    expect(await (await client.fetch(`/files/${info.id}`)).text()).toBe(body);
  });

  it('does not show the files of another session', async () => {
    const info = (await (await visitor().fetch('/files', { method: 'POST', body: 'mine' })).json()) as FileInfo;
    const other = visitor();
    expect(await list(other)).toEqual([]);
    expect((await other.fetch(`/files/${info.id}`)).status).toBe(404);
  });

  it.each(['application/octet-stream', 'multipart/form-data; boundary=x'])(
    'keeps nothing of an upload that does not end well: %s',
    async (type) => {
      const start = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
      const whole = [start, 'bytes', '\r\n--x--\r\n'];
      const channel = await new Visitor(sample.base).handshake('X25519');
      const count = async (): Promise<number> =>
        (JSON.parse((await channel.request('GET', '/files')).text) as FileInfo[]).length;
      for (let cut = 0; cut < whole.length; cut++) {
        const ending = upload(channel, '/files', type, whole.slice(0, cut + 1), { end: KIND.more });
        expect((await sendUpload(channel, ending)).status).toBe(400);
        const failing = upload(channel, '/files', type, [...whole.slice(0, cut + 1), ''], { end: KIND.failed });
        expect((await sendUpload(channel, failing)).status).toBe(400);
      }
      const after = upload(channel, '/files', type, whole);
      const trailing = Buffer.concat([after.head, ...after.frames, frame(randomBytes(32), 9, KIND.last, '')]);
      expect((await sendUpload(channel, after, { body: trailing })).status).toBe(400);
      // The file's part is whole, and what follows it breaks a moment later.
      const late = upload(channel, '/files', type, [...whole, 'x'], { end: KIND.failed });
      const before = late.head.length + Buffer.concat(late.frames.slice(0, -1)).length;
      expect((await sendUpload(channel, late, { before, bodyAfter: 300 })).status).toBe(400);
      expect(await count()).toBe(0);
      expect((await sendUpload(channel, upload(channel, '/files', type, whole))).status).toBe(201);
      expect(await count()).toBe(1);
    },
  );

  it('sends events one by one, and continues after the last one that was seen', async () => {
    const client = visitor();
    const response = await client.fetch('/events?count=3', { headers: { 'last-event-id': '1' } });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const chunks: string[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) chunks.push(decoder.decode(chunk));
    expect(chunks.join('').match(/^(id|data): .*$/gm)).toEqual(['id: 2', 'data: {"n":2}', 'id: 3', 'data: {"n":3}']);
    expect(chunks.length).toBeGreaterThan(1);
    expect((await client.fetch('/events?count=3', { headers: { 'last-event-id': '3' } })).status).toBe(204);
  });

  it('sends lines one by one, and never has a broken answer look whole', async () => {
    const client = visitor();
    expect(await (await client.fetch('/drip?count=3')).text()).toBe('line 1\nline 2\nline 3\n');
    const broken = await client.fetch('/drip?count=9&fail=2');
    let text = '';
    const read = async (): Promise<void> => {
      for await (const chunk of broken.body!) text += new TextDecoder().decode(chunk);
    };
    await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(/^stream-(broken|failed)$/) });
    expect('line 1\nline 2\n'.startsWith(text)).toBe(true);
    await expect(client.fetch('/drip?fail=2').then((again) => again.text())).rejects.toBeInstanceOf(E2eClientError);
    // The server goes on.
    await setTimeout(50);
    expect((await client.fetch('/health', { e2e: { response: false } })).status).toBe(200);
  });
});
