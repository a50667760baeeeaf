import { expect, it } from '@jest/globals';
import { Controller, Get, Post, Redirect, Res } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { CANARY } from './support/raw.js';

@Encrypted()
@Controller('redirects')
class RedirectController {
  @Get('redirect')
  @Redirect('/redirects/landing', 302)
  redirect(): void {
    // The decorator says where to.
  }

  @Post('see-other')
  @Redirect(`/redirects/landing?secret=${CANARY}`, 303)
  seeOther(): void {
    // Likewise.
  }

  @Get('landing')
  landing(): object {
    return { landed: true };
  }

  @Get('away')
  @Redirect('https://elsewhere.invalid/path', 301)
  away(): void {
    // To another origin.
  }
  @Get('own')
  own(@Res() response: { redirect(url: string, status?: number): unknown; raw?: unknown }): void {
    // Fastify's reply has its status from Nest already.
    if (response.raw) response.redirect('/redirects/landing', 302);
    else response.redirect('/redirects/landing');
  }
}

onEachPlatform('A redirect', (platform) => {
  const app = useApp(platform, { controllers: [RedirectController] });

  it.each(['/redirects/redirect', '/redirects/own'])(
    'travels as 200, its status and Location sealed: %s',
    async (path) => {
      const channel = await app().visitor().handshake('X25519');
      const sealed = await channel.request('GET', path);
      expect(sealed.status).toBe(302);
      expect(sealed.wire.status).toBe(200);
      expect(sealed.wire.headers).not.toHaveProperty('location');
      expect(sealed.headers.location).toMatch(/^\/redirects\//);
    },
  );

  it('is followed by the client within its origin, sealed again', async () => {
    app().tap.clear();
    const client = app().client();
    const response = await client.fetch('/redirects/see-other', { method: 'POST' });
    expect(response.redirected).toBe(true);
    expect(response.url).toBe(`${app().url}/redirects/landing?secret=${CANARY}`);
    expect(await response.json()).toEqual({ landed: true });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('to another origin is not', async () => {
    await expect(app().client().fetch('/redirects/away')).rejects.toMatchObject({ code: 'redirect-refused' });
  });

  it('is given to a caller who follows himself', async () => {
    const response = await app().client().fetch('/redirects/away', { redirect: 'manual' });
    expect(response.status).toBe(301);
    expect(response.headers.get('location')).toBe('https://elsewhere.invalid/path');
  });
});
