import { Controller, Get, Inject, NotFoundException, Req, Res, StreamableFile } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Request } from 'express';
import { isOnFastify } from '../settings.js';
import { loadPage } from './page-files.js';

/** The rest of a path, as each platform's router spells it. */
const REST = isOnFastify ? '*' : '*path';

/** The page at `/` and the modules it imports, without a build step. Plain routes, so that a browser can start here. */
@Controller()
export class PageController {
  private readonly page = loadPage();

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  @Get(['', ':file', `lib/${REST}`, `vendor/${REST}`])
  file(@Req() req: Request, @Res({ passthrough: true }) res: object): StreamableFile {
    const file = this.page.files.get(new URL(req.url, 'http://localhost').pathname);
    if (!file) throw new NotFoundException();
    const headers = {
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': this.page.contentSecurityPolicy,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    };
    for (const [name, value] of Object.entries(headers)) this.host.httpAdapter.setHeader(res, name, value);
    return new StreamableFile(file.body, { type: file.type, length: file.body.length });
  }
}
