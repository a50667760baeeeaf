import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Headers as HeaderFields, Redirect, Res } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Encrypted, E2eModule } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { CANARY, errorOf } from './support/raw.js';

/** What both platforms' responses can do. */
interface Reply {
  header(name: string, value: string): unknown;
}

const ANSWERED = {
  'content-disposition': `attachment; filename="${CANARY}.txt"`,
  'content-language': CANARY,
  link: `<https://example.com/${CANARY}>; rel="next"`,
  'x-total': CANARY,
  'x-outside': 'anyone reads this',
};

@Encrypted()
@Controller('headers')
class HeaderController {
  @Get('seen')
  seen(@HeaderFields() headers: Record<string, string>): object {
    return { authorization: headers.authorization, event: headers['last-event-id'], free: headers['x-free'] };
  }

  @Get('answered')
  answered(@Res({ passthrough: true }) response: Reply): object {
    for (const [name, value] of Object.entries(ANSWERED)) response.header(name, value);
    return {};
  }

  @Get('moved')
  @Redirect(`/headers/seen?${CANARY}`, 302)
  moved(): void {
    // Nest answers.
  }
}

const SETUP = {
  controllers: [HeaderController],
  e2e: { sealedHeaders: { request: ['Authorization', 'last-event-id'], response: ['X-Total', 'link'] } },
};

/** Somebody in between, who adds header fields to every request but the handshake. */
function adding(fields: Record<string, string>): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    const isSealed = headers.has('e2e-request');
    if (isSealed) for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    return fetch(input, { ...init, headers });
  };
}

onEachPlatform('Header fields inside a request', (platform) => {
  const app = useApp(platform, SETUP);
  const sealHeaders = ['authorization', 'last-event-id'];
  const sent = { authorization: `Bearer ${CANARY}`, 'last-event-id': `41-${CANARY}`, 'x-free': 'free' };

  it('reach the handler, and are nowhere on the wire', async () => {
    app().tap.clear();
    const response = await app().client({ sealHeaders }).fetch('/headers/seen', { headers: sent });
    expect(await response.json()).toEqual({
      authorization: sent.authorization,
      event: sent['last-event-id'],
      free: 'free',
    });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('are taken from inside alone: the handler never sees one that was put outside', async () => {
    const client = app().client({ sealHeaders, fetch: adding({ authorization: 'Bearer mallory' }) });
    expect(await (await client.fetch('/headers/seen')).json()).toEqual({});
  });

  it('are refused where the same name stands outside too', async () => {
    const client = app().client({ sealHeaders, fetch: adding({ authorization: 'Bearer mallory' }) });
    const error = await errorOf(client.fetch('/headers/seen', { headers: sent }));
    expect(error).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
  });

  it.each(['x-user', '__proto__', 'constructor'])(
    'are refused under a name that is not configured: %s',
    async (name) => {
      const client = app().client({ sealHeaders: [name] });
      const error = await errorOf(client.fetch('/headers/seen', { headers: [[name, 'root']] }));
      expect(error).toMatchObject({ code: 'plain-answer', problem: 'message-rejected' });
    },
  );
});

onEachPlatform('By default', (platform) => {
  const app = useApp(platform, { controllers: [HeaderController] });

  it('Last-Event-ID travels inside, and nothing else does', async () => {
    app().tap.clear();
    const headers = { 'last-event-id': CANARY, authorization: 'Bearer outside' };
    const response = await app().client().fetch('/headers/seen', { headers });
    expect(await response.json()).toEqual({ event: CANARY, authorization: 'Bearer outside' });
    expect(app().tap.text).not.toContain(CANARY);
    const refused = errorOf(
      app()
        .client({ sealHeaders: ['authorization'] })
        .fetch('/headers/seen', { headers }),
    );
    expect(await refused).toMatchObject({ problem: 'message-rejected' });
  });

  it('a response has Content-Disposition, Content-Language and Link inside, and no other', async () => {
    app().tap.clear();
    const { headers } = await app().client().fetch('/headers/answered');
    expect(Object.fromEntries(headers)).toMatchObject(ANSWERED);
    const wire = app().tap.text;
    expect(['content-disposition', 'content-language', 'link'].filter((name) => wire.includes(`\n${name}:`))).toEqual(
      [],
    );
    expect(wire).toMatch(new RegExp(`x-total: ${CANARY}`, 'i'));
  });
});

onEachPlatform('Header fields inside a response', (platform) => {
  const app = useApp(platform, SETUP);

  it('are those that are configured, and no others', async () => {
    app().tap.clear();
    const { headers } = await app()
      .client({ sealedResponseHeaders: ['x-total'] })
      .fetch('/headers/answered');
    expect(headers.get('x-total')).toBe(CANARY);
    expect(headers.get('link')).toBe(ANSWERED.link);
    // The list replaces the default, and the client takes this one from inside alone.
    expect(headers.get('content-disposition')).toBeNull();
    expect(headers.get('x-outside')).toBe('anyone reads this');
    expect(app().tap.text).not.toMatch(/^(x-total|link):/im);
  });

  it('are dropped where somebody in between sets them outside', async () => {
    const evil = { 'x-total': 'evil', link: 'evil', location: 'evil', 'content-disposition': 'evil' };
    const tampered: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const headers = new Headers(response.headers);
      for (const [name, value] of Object.entries(evil)) headers.set(name, value);
      return new Response(await response.arrayBuffer(), { status: response.status, headers });
    };
    const client = app().client({ sealedResponseHeaders: ['x-total'], fetch: tampered });
    const { headers } = await client.fetch('/headers/seen');
    expect(Object.keys(evil).filter((name) => headers.has(name))).toEqual([]);
  });

  it('hold the location of a redirect, always', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/headers/moved', { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, `/headers/seen?${CANARY}`]);
    expect(app().tap.text).not.toContain(CANARY);
  });
});

describe('The option sealedHeaders', () => {
  it.each(['cookie', 'Set-Cookie', 'x-forwarded-for', 'X-Forwarded-User', 'if-match', 'sec-fetch-site', 'no name', ''])(
    'is refused at start with "%s"',
    async (name) => {
      for (const way of ['request', 'response']) {
        const module = Test.createTestingModule({ imports: [E2eModule.forRoot({ sealedHeaders: { [way]: [name] } })] });
        await expect(module.compile()).rejects.toThrow(`"sealedHeaders.${way}"`);
      }
    },
  );
});
