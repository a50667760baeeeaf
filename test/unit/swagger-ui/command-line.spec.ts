import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readCall, type CallRequest } from '../../../src/cli/request.js';
import { commandLine, type ShownRequest } from '../../../src/swagger-ui/command-line.js';

const URL_OF_NOTES = 'http://localhost:3000/notes';
const SEALED = { request: true, response: true };

/** What the command line makes of a line, after a shell has split it. */
async function run(line: string): Promise<CallRequest> {
  const [program, name, ...rest] = split(line);
  expect([program, name]).toEqual(['npx', 'nestjs-e2e-encryption']);
  const [method = '', ...args] = rest;
  return readCall(method.toUpperCase(), args, undefined as never);
}

function split(line: string): string[] {
  return execFileSync('sh', ['-c', String.raw`printf '%s\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
}

function shown(request: Partial<ShownRequest>): ShownRequest {
  return { method: 'POST', url: URL_OF_NOTES, headers: {}, body: undefined, ...request };
}

describe('the command line that Swagger UI shows', () => {
  it.each([
    ['{"title":"it\'s $HOME, `date` and \\"quotes\\""}'],
    ['{\n  "on": "several lines"\n}'],
    ['"a text"'],
    ['-5'],
    ['--json'],
    ['[]'],
  ])('says the same to this package, after a shell has read it: %j', async (body) => {
    const headers = { accept: 'application/json', 'Content-Type': 'application/json', 'x-who': "o'hara" };
    const call = await run(commandLine(shown({ headers, body }), SEALED, 'e2e')!);
    expect(call).toMatchObject({ method: 'POST', body, path: 'e2e', sealing: SEALED });
    expect(call.url.href).toBe(URL_OF_NOTES);
    expect(Object.fromEntries(call.headers)).toEqual({ 'content-type': 'application/json', 'x-who': "o'hara" });
  });

  it.each([
    [{ request: false, response: true }],
    [{ request: true, response: false }],
    [{ request: true, response: true }],
  ])('says which directions are sealed: %j', async (sealing) => {
    expect((await run(commandLine(shown({ body: '{}' }), sealing, 'api/e2e')!)).sealing).toEqual(sealing);
  });

  it('says which single fields are encrypted', async () => {
    const sealing = { request: false, response: false, fields: ['card.number?', "/it's/pin?"] };
    const posted = await run(commandLine(shown({ body: '{}' }), sealing, 'e2e')!);
    expect(posted.sealing).toMatchObject({ fields: sealing.fields });
    const got = await run(commandLine(shown({ method: 'GET' }), sealing, 'e2e')!);
    expect(got.sealing).toMatchObject({ fields: [] });
  });

  it('seals a whole request, even if its mark has fields too', async () => {
    const sealing = { request: true, response: false, fields: ['card.number?'] };
    const posted = await run(commandLine(shown({ body: '{}' }), sealing, 'e2e')!);
    expect(posted.sealing).toEqual({ request: true, response: false });
    const half = await run(commandLine(shown({ body: '{}' }), { ...sealing, request: false, response: true }, 'e2e')!);
    expect(half.sealing).toMatchObject({ fields: sealing.fields });
  });

  it('names the path of the handshake and the query', async () => {
    const url = `${URL_OF_NOTES}?search=a%20b&c='`;
    const call = await run(commandLine(shown({ method: 'GET', url }), SEALED, 'api/e2e')!);
    expect(call).toMatchObject({ method: 'GET', path: 'api/e2e', body: undefined });
    expect(call.url.href).toBe(new URL(url).href);
  });

  it('keeps another media type than JSON', async () => {
    const headers = { 'Content-Type': 'text/plain' };
    const call = await run(commandLine(shown({ headers, body: 'a=b' }), SEALED, 'e2e')!);
    expect([call.headers.get('content-type'), call.body]).toEqual(['text/plain', 'a=b']);
  });

  it.each([
    ['a method that it has not', { method: 'OPTIONS' }],
    ['a form with files', { body: new FormData() }],
    ['a body that would name a file', { body: '@/etc/passwd' }],
    ['a body that would be read from stdin', { body: '-' }],
    ['a GET with a body', { method: 'GET', body: '{}' }],
  ])('is none for %s', (_what, request) => {
    expect(commandLine(shown(request), SEALED, 'e2e')).toBeUndefined();
  });
});
