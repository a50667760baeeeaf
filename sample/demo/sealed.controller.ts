import { Body, Controller, Get, Header, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';

/** Whatever way an answer leaves a sealed route, it leaves sealed. */
@Controller()
@Encrypted()
export class SealedController {
  /** Any JSON value, back as it came. */
  @Post('echo')
  @Header('Content-Type', 'application/json')
  echo(@Body() value: unknown): string | undefined {
    // Nest on Express would send null as nothing and a string as text/html: so JSON is made here.
    return JSON.stringify(value);
  }

  /** An answer that goes past Nest, straight to the platform. */
  @Get('raw')
  raw(@Res() res: Response): void {
    res.status(200).send({ raw: true });
  }

  /** An unexpected error. */
  @Get('boom')
  boom(): never {
    throw new Error('boom');
  }
}
