import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  InternalServerErrorException,
  NotFoundException,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Patch, Post, Put, Query, Redirect, Req } from '@nestjs/common';
import { generateKeys } from '../../../src/cli/keygen.js';
import { run } from '../../../src/cli/main.js';
import { EncryptedField } from '../../../src/fields/index.js';
import { Encrypted, Plain } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { CANARY } from '../../integration/e2e/support/raw.js';
import { useCommandLine } from './support/command.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(@Query() query: object, @Headers('x-a') a?: string) {
    return { query, a };
  }

  @Post()
  create(@Body() body: unknown, @Query() query: object) {
    return { body, query };
  }

  @Put()
  replace(@Body() body: unknown) {
    return { replaced: body };
  }

  @Patch()
  change(@Body() body: unknown) {
    return { changed: body };
  }

  @Delete()
  @HttpCode(204)
  remove() {
    return undefined;
  }

  @Get('missing')
  missing() {
    throw new NotFoundException('no such note');
  }

  @Get('broken')
  broken() {
    throw new InternalServerErrorException();
  }

  @Get('moved')
  @Redirect('/notes?moved=yes', 302)
  move() {
    return undefined;
  }

  @Post('visits')
  visit(@Req() request: { session: { visits?: number } }) {
    request.session.visits = (request.session.visits ?? 0) + 1;
    return { visits: request.session.visits };
  }

  @Get('bell')
  bell() {
    return { bell: '\u009b31m' };
  }

  @Post('half')
  @Encrypted({ request: false })
  half(@Body() body: unknown) {
    return body;
  }

  @Get('otherhalf')
  @Encrypted({ response: false })
  otherHalf() {
    return { half: true };
  }
}

@Controller('open')
class OpenController {
  @Get()
  @Plain()
  open() {
    return { open: true };
  }
}

class Paid {
  @EncryptedField()
  number = '';
  amount = '';
}

@Controller('paid')
class PaidController {
  @Post()
  pay(@Body() { number, amount }: Paid): Paid {
    return Object.assign(new Paid(), { number, amount });
  }

  @Get()
  last(): Paid {
    return Object.assign(new Paid(), { number: '4111111111111111', amount: '7' });
  }
}

const identity = generateKeys('Ed25519');

onEachPlatform('get, post, put, patch and delete', (platform) => {
  const cli = useCommandLine();
  const app = useApp(platform, {
    controllers: [NoteController, OpenController, PaidController],
    e2e: { identityKey: identity.identityKey, path: 'sealed' },
    // Express has no parser for text, and one for JSON that takes objects and arrays alone.
    configure: (nest) => {
      if (platform !== 'express') return;
      const express = nest as NestExpressApplication;
      express.useBodyParser('text');
      express.useBodyParser('json', { strict: false });
    },
  });
  const call = (method: string, path: string, ...args: string[]) =>
    cli.run([method, app().url + path, '--path', 'sealed', '--kind', 'x25519', ...args]);
  const answer = async (method: string, path: string, ...args: string[]): Promise<unknown> => {
    const { code, out, err } = await call(method, path, ...args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out);
  };

  it('sends members, JSON, queries and headers, sealed', async () => {
    app().tap.clear();
    expect(await answer('post', '/notes', `title=${CANARY}`, 'stars:=5', 'url=http://x?a:=b', 'q==1')).toEqual({
      body: { title: CANARY, stars: 5, url: 'http://x?a:=b' },
      query: { q: '1' },
    });
    expect(await answer('get', '/notes?a=1', `search=${CANARY}`, '-H', 'x-a: b')).toEqual({
      query: { a: '1', search: CANARY },
      a: 'b',
    });
    expect(app().tap.text).not.toContain(CANARY);
    expect(await answer('put', '/notes', '-d', '[1,2]')).toEqual({ replaced: [1, 2] });
    expect(await answer('PATCH', '/notes', '-d', 'text', '-H', 'content-type: text/plain')).toEqual({
      changed: 'text',
    });
    expect(await call('delete', '/notes')).toEqual({ code: 0, out: '', err: '' });
    expect(await answer('get', '/open')).toEqual({ open: true });
  });

  it('takes a body from a file and from standard input', async () => {
    const file = join(cli.folder, 'note.json');
    writeFileSync(file, '{"from":"file"}');
    expect(await answer('put', '/notes', '-d', `@${file}`)).toEqual({ replaced: { from: 'file' } });
    const args = ['put', `${app().url}/notes`, '-d', '-', '--path', 'sealed', '--kind', 'P-256'];
    expect(JSON.parse((await cli.run(args, '{"from":"input"}')).out)).toEqual({ replaced: { from: 'input' } });
  });

  it('ends with the exit code of the status', async () => {
    expect(await call('get', '/notes/missing')).toMatchObject({
      code: 4,
      out: expect.stringContaining('no such note'),
    });
    expect(await call('get', '/notes/broken')).toMatchObject({ code: 5 });
    expect(await call('get', '/notes/moved')).toMatchObject({ code: 0 });
    expect(await answer('get', '/notes/moved', '-L')).toEqual({ query: { moved: 'yes' } });
  });

  it('encrypts single values, and decrypts those of the response', async () => {
    const number = '5500000000000004';
    app().tap.clear();
    const paid = await answer('post', '/paid', `number=${number}`, 'amount=5', '--field', 'number');
    expect(paid).toEqual({ number, amount: '5' });
    expect(await answer('get', '/paid', '--answer-field', 'number')).toEqual({
      number: '4111111111111111',
      amount: '7',
    });
    expect(await answer('get', '/paid', '--in-fields')).toEqual({ number: '4111111111111111', amount: '7' });
    expect(app().tap.text).not.toMatch(/5500000000000004|4111111111111111/);
    expect(app().tap.text).toContain('"amount":"5"');
    const plain = await call('get', '/paid', '--answer-field', 'amount');
    expect(plain).toMatchObject({ code: 2, out: '' });
    const form = await call('post', '/paid', '-F', 'number=1', '--field', 'number');
    expect(form).toMatchObject({ code: 1, err: expect.stringContaining('single fields need a JSON body') });
    for (const option of ['--plain-request', '--plain-answer']) {
      const mixed = await call('post', '/paid', 'number=1', '--field', 'number', option);
      expect(mixed).toMatchObject({ code: 1, err: expect.stringContaining('are for sealed routes') });
    }
  });

  it('ends with 2 where there is no answer, and says why', async () => {
    const plain = await call('get', '/notes/otherhalf');
    expect(plain).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^plain-answer: .*status 200/) });
    expect(await answer('get', '/notes/otherhalf', '--plain-answer')).toEqual({ half: true });
    expect(await answer('post', '/notes/half', 'a=b', '--plain-request')).toEqual({ a: 'b' });
    const elsewhere = await cli.run(['get', `${app().url}/notes`]);
    expect(elsewhere).toMatchObject({ code: 2, err: expect.stringMatching(/^handshake-failed: .*status 404/) });
    const nobody = await cli.run(['get', await closedUrl()]);
    expect(nobody).toMatchObject({ code: 2, err: expect.stringMatching(/^no-connection: .*ECONNREFUSED/) });
  });

  it('pins the identity', async () => {
    const { thumbprint } = identity;
    expect(await answer('get', '/notes', '--identity-key', thumbprint)).toEqual({ query: {} });
    const wrong = await call('get', '/notes', '--identity-key', generateKeys('Ed25519').thumbprint);
    expect(wrong).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^identity-rejected: /) });
  });

  it('takes what follows an option for its value, even where that begins with a dash', async () => {
    const dashed = `-${generateKeys('Ed25519').thumbprint.slice(1)}`;
    const wrong = await call('get', '/notes', '--identity-key', dashed);
    expect(wrong).toMatchObject({ code: 2, err: expect.stringMatching(/^identity-rejected: /) });
    expect(await answer('post', '/notes', '-d', '-5')).toMatchObject({ body: -5 });
  });

  it('keeps cookies in a file from run to run, and never keys', async () => {
    const jar = join(cli.folder, `${platform}.txt`);
    expect(await answer('post', '/notes/visits', '--cookie-jar', jar)).toEqual({ visits: 1 });
    const second = await call('post', '/notes/visits', '--cookie-jar', jar, '-v');
    expect(JSON.parse(second.out)).toEqual({ visits: 2 });
    expect(second.err).toMatch(/channel keys are not kept, and are made anew for each run/);
    expect(await answer('post', '/notes/visits')).toEqual({ visits: 1 });
    expect(statSync(jar).mode & 0o777).toBe(0o600);
    const lines = readFileSync(jar, 'utf8').trim().split('\n');
    expect(lines[0]).toBe('# Netscape HTTP Cookie File');
    expect(lines.filter((line) => /^(#HttpOnly_)?127\.0\.0\.1\t/.test(line))).toHaveLength(1);
    expect(lines).toHaveLength(4);
  });

  it('shows the wire beside what was meant', async () => {
    const { code, out, err } = await call('post', '/notes', `title=${CANARY}`, '-v');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ body: { title: CANARY } });
    expect(err).toMatch(/^Channel [\w-]{43}, X25519, until 20/);
    expect(err).toContain('ON THE WIRE');
    const [left, right] = [0, 1].map((side) =>
      err
        .split('\n')
        .map((line) => line.split(' \u2502 ')[side] ?? '')
        .join('\n'),
    );
    expect(left).toMatch(/content-type: application\/jose/);
    expect(left).toMatch(/> eyJ[\w-]+/);
    expect(left).not.toContain(CANARY);
    expect(right).toContain(`{"title":"${CANARY}"}`);
    expect(err).not.toContain('\u001b');
  });

  it('gives everything as one JSON object, failures too', async () => {
    const { code, out } = await call('post', '/notes', `title=${CANARY}`, '--json');
    expect(code).toBe(0);
    const all = JSON.parse(out) as Record<string, unknown> & { wire: { url: string }[] };
    expect(all.channel).toMatchObject({ kind: 'X25519', kid: expect.any(String), session: expect.any(String) });
    expect(all.request).toMatchObject({ method: 'POST', body: `{"title":"${CANARY}"}` });
    expect(all.response).toMatchObject({ status: 201, body: { body: { title: CANARY } } });
    expect(all.wire.map(({ url }) => new URL(url).pathname)).toEqual(['/sealed/handshake', '/notes']);
    expect(JSON.stringify(all.wire)).not.toContain(CANARY);
    const failed = JSON.parse((await call('get', '/notes/otherhalf', '--json')).out);
    expect(failed.error).toMatchObject({ code: 'plain-answer', status: 200 });
  });
});

describe('the call, as it is written', () => {
  const cli = useCommandLine();
  const terminal = (isTerminal: boolean) => {
    const seen = { out: '', err: '' };
    const io = {
      out: (text: string | Uint8Array) =>
        (seen.out += typeof text === 'string' ? text : new TextDecoder().decode(text)),
      err: (text: string) => (seen.err += text),
      input: async function* () {
        // nothing
      },
      isTerminal: { out: isTerminal, err: isTerminal },
      colours: true,
      columns: 100,
    };
    return { seen, io };
  };
  const app = useApp('express', { controllers: [NoteController] });

  it('is coloured, laid out and made harmless on a terminal alone', async () => {
    const args = ['get', `${app().url}/notes/bell`, '--kind', 'X25519', '-v'];
    const [shown, piped] = [terminal(true), terminal(false)];
    expect(await run(args, shown.io)).toBe(0);
    expect(await run(args, piped.io)).toBe(0);
    expect(shown.seen.out).toBe('{\n  "bell": "\\u009b31m"\n}\n');
    expect(piped.seen.out).toBe(shown.seen.out);
    expect(shown.seen.err).toContain('\u001b[32m');
    expect(shown.seen.err).not.toContain('\u009b');
    expect(piped.seen.err).not.toContain('\u001b');
    const plain = terminal(true);
    await run(args, { ...plain.io, colours: false });
    expect(plain.seen.err).not.toContain('\u001b');
  });

  it.each([
    ['-v', 'get', 'URL', '--kind', 'X25519'],
    ['--kind', 'X25519', '-v', 'get', 'URL'],
    ['-H', 'x-a: get', '--timeout', '20', '--kind', 'X25519', 'get', '-v', 'URL'],
    ['--json', '--kind=X25519', '-v', 'get', 'URL', '-L'],
  ])('takes options before the command and after it: %s %s %s %s', async (...given) => {
    const { seen, io } = terminal(false);
    const url = `${app().url}/notes`;
    expect(
      await run(
        given.map((each) => (each === 'URL' ? url : each)),
        io,
      ),
    ).toBe(0);
    expect(JSON.parse(seen.out)).toBeInstanceOf(Object);
    expect(seen.err).toContain('ON THE WIRE');
  });

  it('takes them before other commands, too', async () => {
    const { seen, io } = terminal(false);
    expect(await run(['--json', '--alg', 'ES256', 'keygen'], io)).toBe(0);
    expect(JSON.parse(seen.out)).toHaveProperty('thumbprint');
    expect(await run(['-h', 'post'], io)).toBe(0);
    expect(await run(['-v'], io)).toBe(1);
    expect(seen.err).toContain('there is no command "-v"');
  });

  it.each([
    [['get'], /takes a URL/],
    [['get', 'ftp://x/'], /no http or https URL/],
    [['get', 'http://a:b@x/'], /without user name/],
    [['post', ':3000/', 'title'], /"title" is neither/],
    [['post', ':3000/', 'a:=b'], /no JSON/],
    [['get', ':3000/', 'a:=1'], /a GET has no body/],
    [['get', ':3000/', '-d', '1'], /a GET has no body/],
    [['post', ':3000/', 'a=b', '-d', '1'], /not by both/],
    [['post', ':3000/', '-d', '@/no/such/file'], /no such file/],
    [['post', ':3000/', '--data-binary', '@/no/such/file'], /no such file/],
    [['post', ':3000/', '--data-binary', '@/tmp'], /is a directory/],
    [['post', ':3000/', '-F', 'file=@/no/such/file'], /no such file/],
    [['post', ':3000/', '-F', 'file'], /neither name=value nor name=@file/],
    [['post', ':3000/', '-F', 'file=@package.json;charset=x'], /;type=MEDIA/],
    [['post', ':3000/', '-F', 'a=b', '-d', '1'], /not by both/],
    [['post', ':3000/', '--data-binary', '1', 'a=b'], /not by both/],
    [['get', ':3000/', '-F', 'a=b'], /a GET has no body/],
    [['get', ':3000/', '-o', '/no/such/folder/file'], /-o .*no such file/],
    [['get', ':3000/', '-o', '/tmp'], /it is a directory/],
    [['get', ':3000/', '-o', 'x', '--json'], /leave out -o and -N/],
    [['post', ':3000/', '-H', 'what'], /is not a header/],
    [['post', ':3000/', '--kind', 'DSA'], /RSA, P-256, X25519/],
    [['post', ':3000/', '--timeout', 'soon'], /seconds/],
    [['post', ':3000/', '--identity-keys', 'x'], /identity-keys/],
  ])('is refused with 1 where it is %j', async (args, message) => {
    const { code, out, err } = await cli.run(args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err.split('\n')[0]).toMatch(message);
    expect(err).toContain('Examples');
  });

  it('is explained, with examples', async () => {
    const { code, out } = await cli.run(['post', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/Keys are never saved[^]*Examples[^]*Exit codes/);
    expect((await cli.run(['nope'])).code).toBe(1);
  });
});

/** Where nobody listens. */
async function closedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}/`;
}
