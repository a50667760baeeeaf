import { beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Header, Post } from '@nestjs/common';
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { E2e, Encrypted, type ChannelFacts } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';

@Controller()
class PageController {
  @Get('empty')
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(): string {
    return '<!doctype html><title>A page</title><link rel="icon" href="data:,">';
  }
  @Post('things')
  @Encrypted()
  create(@Body() body: object, @E2e() { kind }: ChannelFacts): object {
    return { body, kind };
  }
}

describe('A page on plain HTTP, bundled', () => {
  const chromium = useChromium();
  let bundle: string;
  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('../../../src/client/index.ts', import.meta.url))],
      bundle: true,
      format: 'iife',
      globalName: 'e2e',
      target: 'es2022',
      write: false,
    });
    bundle = outputFiles[0]!.text;
  });

  onEachPlatform('calls', (platform) => {
    const app = useApp(platform, { controllers: [PageController] });

    it.each(['P-256', 'X25519', 'MLKEM768-X25519'] as const)('by %s, without WebCrypto', async (keyKind) => {
      const page = await (await chromium.profile()).newPage();
      // Not localhost, so no secure context.
      await page.goto(`${app().url.replace('127.0.0.1', 'plain.test')}/empty`);
      await page.addScriptTag({ content: bundle });
      const canary = makeCanary();
      app().tap.clear();
      const result = await page.evaluate(
        async ({ kind, text }) => {
          const client = e2e.createE2eClient({ keyKind: kind });
          const headers = { 'content-type': 'application/json' };
          const response = await client.fetch('/things', { method: 'POST', headers, body: JSON.stringify({ text }) });
          const body = (await response.json()) as object;
          return { isSecureContext, subtle: typeof globalThis.crypto.subtle, status: response.status, body };
        },
        { kind: keyKind, text: canary },
      );
      const body = { body: { text: canary }, kind: keyKind };
      expect(result).toEqual({ isSecureContext: false, subtle: 'undefined', status: 201, body });
      expect(app().tap.text).toContain('application/jose');
      expect(app().tap.text).not.toContain(canary);
    });
  });
});
