import { Body, Controller, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';

/** Whatever way an answer leaves a sealed route, it leaves sealed. */
@Controller()
@Encrypted()
export class SealedController {
  /** Any JSON value, back as it came. */
  @Post('echo')
  echo(@Body() value: unknown): unknown {
    return value;
  }

  /** An answer that goes past Nest, straight to the platform. */
  @Get('raw')
  raw(@Res() res: Response): void {
    res.json({ raw: true });
  }

  /** An unexpected error. */
  @Get('boom')
  boom(): never {
    throw new Error('boom');
  }
}
