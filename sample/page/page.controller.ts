import { Controller, Get, NotFoundException, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { loadPage } from './page-files.js';

/** The page at `/` and the modules it imports, without a build step. Plain routes, so that a browser can start here. */
@Controller()
export class PageController {
  private readonly page = loadPage();

  @Get(['', ':file', 'lib/*path', 'vendor/:file'])
  file(@Req() req: Request, @Res() res: Response): void {
    const file = this.page.files.get(req.path);
    if (!file) throw new NotFoundException();
    res.set({
      'Content-Type': file.type,
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': this.page.contentSecurityPolicy,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    });
    res.send(file.body);
  }
}
