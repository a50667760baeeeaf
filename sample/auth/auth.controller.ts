import { Body, Controller, Get, HttpCode, Post, Req, UnauthorizedException, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { Encrypted, KeyService } from 'nestjs-e2e-encryption';
import { ownerOf } from '../session.js';
import { PasswordGuard } from './password.guard.js';

@Controller('auth')
@Encrypted()
export class AuthController {
  constructor(private readonly keys: KeyService) {}

  @Post('login')
  @HttpCode(200)
  @UseGuards(PasswordGuard)
  async login(@Req() req: Request, @Body('username') username: string): Promise<{ username: string }> {
    const owner = ownerOf(req);
    // A login gets a new session id (against session fixation); the caller's channel moves along, the notes too.
    await this.keys.carryOver(req);
    req.session.owner = owner;
    req.session.username = username;
    return { username };
  }

  /** The session ends, and all of its channels with it. */
  @Post('logout')
  @HttpCode(204)
  async logout(@Req() req: Request): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      req.session.destroy((error: unknown) => {
        if (error) reject(new Error('The session could not be destroyed', { cause: error }));
        else resolve();
      });
    });
  }

  /** Who is logged in, if anyone: for a page that does not know yet. */
  @Get('session')
  current(@Req() req: Request): { username: string | null } {
    return { username: req.session.username ?? null };
  }

  @Get('me')
  me(@Req() req: Request): { username: string } {
    const { username } = req.session;
    if (username === undefined) throw new UnauthorizedException('Not logged in');
    return { username };
  }
}
