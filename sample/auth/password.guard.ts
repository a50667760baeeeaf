import { Injectable, UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { UserService } from './user.service.js';

/** Guards read the plain body as ever: the module has opened the message before they run. */
@Injectable()
export class PasswordGuard implements CanActivate {
  constructor(private readonly users: UserService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const body = context.switchToHttp().getRequest<Request>().body as { username?: unknown; password?: unknown } | null;
    if (await this.users.hasPassword(body?.username, body?.password)) return true;
    throw new UnauthorizedException('Unknown name or wrong password');
  }
}
