import { expect, it } from '@jest/globals';
import { BadRequestException, Catch, Controller, Post, UseFilters, type ArgumentsHost } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { parse } from 'node:querystring';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { errorOf } from '../e2e/support/raw.js';
import { usePair, type Outcome, type Pair } from './support/compare.js';
import { SeeController } from './support/see.js';

@Catch(BadRequestException)
class ControllersFilter {
  catch(_: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<{ status(code: number): { send(body: object): void } }>().status(418).send({});
  }
}

@Controller('filtered')
@UseFilters(ControllersFilter)
class FilteredController {
  @Post()
  create(): object {
    return {};
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = JSON_TYPE): RequestInit => ({
  method: 'POST',
  headers,
  body,
});
const statusOf = (outcome: Outcome | string): number | undefined => (outcome as Partial<Outcome>).status;
const seenIn = (outcome: Outcome | string): Record<string, unknown> =>
  JSON.parse((outcome as Outcome).body) as Record<string, unknown>;
/** @param plain the status of the plain request; several where it depends on Nest's release */
async function expectStatuses(pair: Pair, path: string, init: RequestInit, plain: number | number[], sealed: number) {
  const both = await pair.both(path, init);
  expect([path, statusOf(both.sealed)]).toEqual([path, sealed]);
  expect([plain].flat()).toContain(statusOf(both.plain));
}

interface Pairs {
  readonly usual: Pair;
  /** Without body parsers. */
  readonly bare: Pair;
}
type Difference = (pairs: Pairs, platform: PlatformName) => Promise<void>;

/** By the words that docs/platforms.md has in bold. */
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'The limit': async ({ usual }, platform) => {
    const form = post(`text=${'x'.repeat(150_000)}`, FORM_TYPE);
    await expectStatuses(usual, '/see/member', form, platform === 'express' ? 413 : 201, 201);
    const large = post(`{"text":"${'x'.repeat(1_100_000)}"}`);
    // Fastify may close the connection before all of it has come.
    expect([413, undefined]).toContain(statusOf(await usual.plain('/see/member', large)));
    expect(await errorOf(usual.sealed('/see/member', large))).toMatchObject({ problem: 'too-large' });
  },
  'A body or query with `__proto__` or `constructor.prototype`': async ({ usual }, platform) => {
    // Express' own form parser drops the name. Fastify refuses it, but for JSON on Nest 11, which parses that by itself.
    const onFastify = platform === 'express' ? 201 : [201, 400];
    await expectStatuses(usual, '/see', post('{"__proto__":{"a":1}}'), onFastify, 400);
    await expectStatuses(usual, '/see', post('{"constructor":{"prototype":{"a":1}}}'), onFastify, 400);
    await expectStatuses(
      usual,
      '/see',
      post('__proto__=1&a=1', FORM_TYPE),
      onFastify,
      platform === 'express' ? 201 : 400,
    );
    await expectStatuses(usual, '/see', post(`${'['.repeat(200)}${']'.repeat(200)}`), 201, 400);
  },
  'JSON that is not UTF-8': async ({ usual }) => {
    const bytes = Uint8Array.from(Buffer.from('{"a":"\xff"}', 'latin1'));
    await expectStatuses(usual, '/see', post(bytes), 201, 400);
    expect(seenIn(await usual.plain('/see', post(bytes)))).toMatchObject({ body: { a: 'ï¿½' } });
    // In frames too: a character cut by the end of a frame is one, half a character is none.
    const long = (end: string): Uint8Array<ArrayBuffer> =>
      Uint8Array.from(Buffer.from(`{"a":"${'x'.repeat(65_529)}${end}${'x'.repeat(9_000)}"}`, 'latin1'));
    for (const [end, status] of [
      ['\xc3\xbc', 201],
      ['\xff', 400],
      ['\xc3', 400],
    ] as const) {
      expect(statusOf(await usual.sealed('/see', post(long(end))))).toBe(status);
    }
  },
  'An empty body has no media type': async ({ usual }, platform) => {
    const { plain, sealed } = await usual.both('/see', { method: 'POST', headers: JSON_TYPE });
    expect(seenIn(sealed)).toMatchObject({ body: { is: 'undefined' }, headers: {} });
    if (platform === 'express') expect(seenIn(plain)).toMatchObject({ body: {}, headers: JSON_TYPE });
    else expect(statusOf(plain)).toBe(400);
  },
  'Without body parsers': async ({ bare }, platform) => {
    const { plain, sealed } = await bare.both('/see', post('{"a":1}'));
    expect(seenIn(sealed)).toMatchObject({ body: { a: 1 } });
    if (platform === 'express') expect(seenIn(plain)).toMatchObject({ body: { is: 'undefined' } });
    if (platform === 'express') {
      const read = await bare.both('/see/read', post('{"a":1}'));
      expect([seenIn(read.plain), seenIn(read.sealed)]).toMatchObject([{ bytes: '{"a":1}' }, { bytes: '{"a":1}' }]);
    }
  },
  '`Content-Encoding`': async ({ usual }, platform) => {
    const compressed = post('{"a":1}', { ...JSON_TYPE, 'content-encoding': 'gzip' });
    await expectStatuses(usual, '/see', compressed, platform === 'express' ? 400 : 201, 201);
    expect(seenIn(await usual.sealed('/see', compressed))).toMatchObject({ body: { a: 1 } });
  },
  'Header fields about the form of the response': async ({ usual }) => {
    const headers = {
      'accept-encoding': 'gzip',
      'if-none-match': '"a"',
      'if-modified-since': new Date(0).toUTCString(),
      'if-match': '*',
    };
    const { plain, sealed } = await usual.both('/see/headers', { headers: { ...headers, accept: 'text/html' } });
    expect(seenIn(plain)).toMatchObject({ ...headers, accept: 'text/html' });
    expect(seenIn(sealed)).toMatchObject({ accept: 'text/html', 'e2e-request': expect.stringContaining('..') });
    for (const name of Object.keys(headers)) expect(seenIn(sealed)).not.toHaveProperty(name);
    const range = { headers: { range: 'bytes=0-1' } };
    expect(seenIn(await usual.plain('/see/headers', range))).toMatchObject(range.headers);
    expect(seenIn(await usual.sealed('/see/headers', range))).not.toHaveProperty('range');
  },
  'A body without a media type': async ({ usual }, platform) => {
    for (const body of [new Blob(['a']), Uint8Array.of(97)]) {
      const { plain, sealed } = await usual.both('/see', { method: 'POST', body });
      if (platform === 'express') {
        expect(seenIn(plain)).not.toMatchObject({ headers: { 'content-type': expect.anything() } });
        expect(seenIn(sealed)).toMatchObject({ headers: { 'content-type': 'application/octet-stream' } });
      } else expect([statusOf(plain), statusOf(sealed)]).toEqual([415, 415]);
    }
  },
  'The URL': async ({ usual }, platform) => {
    const { plain, sealed } = await usual.both('/nowhere?a=1');
    expect(seenIn(plain)).toMatchObject({ message: 'Cannot GET /nowhere?a=1' });
    expect(seenIn(sealed)).toMatchObject({
      message: expect.stringMatching(
        platform === 'express' ? /^Cannot GET \/nowhere$/ : /\/nowhere\?e2e-query=[\w-]+$/,
      ),
    });
  },
  'A query with broken percent escapes': async ({ usual }, platform) => {
    const { plain, sealed } = await usual.both('/see?a=%E0%A4%A');
    const decoded = { query: { ...parse('a=%E0%A4%A') } };
    expect(JSON.stringify(decoded)).not.toContain('%E0');
    const utf8 = (outcome: Outcome | string) =>
      JSON.parse(Buffer.from((outcome as Outcome).body, 'latin1').toString()) as object;
    expect(utf8(sealed)).toMatchObject(decoded);
    expect(utf8(plain)).toMatchObject(platform === 'express' ? decoded : { query: { a: '%E0%A4%A' } });
  },
  '`HEAD`': async ({ usual }) => {
    const head = async (url: string) => (await fetch(`${url}/see`, { method: 'HEAD' })).status;
    expect([await head(usual.plainApp.url), await head(usual.sealedApp.url)]).toEqual([200, 405]);
  },
  'Exception filters of a controller or a route': async ({ usual }, platform) => {
    await expectStatuses(usual, '/filtered', post('{"a":'), 400, platform === 'express' ? 418 : 400);
  },
  '`charset`': async ({ usual }) => {
    const latin1 = post('a=%FC', { 'content-type': 'application/x-www-form-urlencoded; charset=iso-8859-1' });
    expect(statusOf(await usual.plain('/see', latin1))).toBeLessThan(500);
    expect(await errorOf(usual.sealed('/see', latin1))).toMatchObject({ code: 'request-unsupported' });
  },
};

it('docs/platforms.md lists what a handler gets that differs from the plain request', () => {
  const page = readFileSync(new URL('../../../docs/platforms.md', import.meta.url), 'utf8');
  const section = page.split('## What a handler gets')[1]!.split('\n## ')[0]!;
  expect([...section.matchAll(/^- \*\*(.+?)\*\*/gm)].map(([, words]) => words)).toEqual(Object.keys(DIFFERENCES));
});

onEachPlatform('A sealed request differs from the plain one on purpose', (platform) => {
  const controllers = [SeeController, FilteredController];
  const usual = usePair(platform, { controllers });
  const bare = usePair(platform, { controllers, options: { bodyParser: false } });

  it.each(Object.entries(DIFFERENCES))('%s', async (_, difference) => {
    await difference({ usual: usual(), bare: bare() }, platform);
  });
});
