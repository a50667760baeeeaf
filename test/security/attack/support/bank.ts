import { Body, Controller, Delete, Get, Header, Post, Put, Query, Req, StreamableFile } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Encrypted, KeyService } from '../../../../src/index.js';

/** What a handler was given, each time that one ran. */
export interface Call {
  readonly route: string;
  readonly body?: unknown;
  readonly query?: unknown;
}

/** Runs of all handlers since the attack began. */
export const calls: Call[] = [];

/** What a handler waits for before it changes its session. */
export const gate: { opened: Promise<unknown> } = { opened: Promise.resolve() };

export const SECRET_BALANCE = 'balance-4f1e0b';
/** What is downloaded, a frame each. */
export const STATEMENT = ['January: 1, ', 'February: 2, ', 'March: 3, ', SECRET_BALANCE];

interface WithSession {
  readonly session: {
    owner?: string;
    destroy(callback: (error?: unknown) => void): unknown;
    regenerate(callback: (error?: unknown) => void): unknown;
  };
}

/** As decorators for logs and metrics do: the function that Nest calls carries no metadata. */
const Logged = (): MethodDecorator => (_target, _name, descriptor) => {
  const inner = descriptor.value as unknown as (...args: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
    return inner.apply(this, args);
  } as never;
};

@Controller('bank')
@Encrypted()
export class BankController {
  constructor(private readonly keys: KeyService) {
    this.bound = this.bound.bind(this);
  }

  @Get('bound')
  bound(): unknown {
    calls.push({ route: 'bound' });
    return { balance: SECRET_BALANCE };
  }

  @Get('logged')
  @Logged()
  @Encrypted()
  logged(): unknown {
    calls.push({ route: 'logged' });
    return { balance: SECRET_BALANCE };
  }

  @Post('transfer')
  transfer(@Body() body: unknown, @Query() query: unknown): unknown {
    calls.push({ route: 'transfer', body, query });
    return { transferred: body };
  }

  @Post('refund')
  refund(@Body() body: unknown): unknown {
    calls.push({ route: 'refund', body });
    return { refunded: body };
  }

  @Put('limit')
  limit(@Body() body: unknown): unknown {
    calls.push({ route: 'limit', body });
    return { limit: body };
  }

  @Get('balance')
  @Header('X-Bank', 'true')
  balance(@Query() query: unknown): unknown {
    calls.push({ route: 'balance', query });
    return { balance: SECRET_BALANCE, of: query };
  }

  @Delete('accounts')
  remove(@Query() query: unknown, @Body() body: unknown): unknown {
    calls.push({ route: 'remove', query, body });
    return { removed: query };
  }

  /** Takes its body plain, and seals its answer. */
  @Post('upload')
  @Encrypted({ request: false })
  upload(@Body() body: unknown): unknown {
    calls.push({ route: 'upload', body });
    return { uploaded: body };
  }

  /** In frames. */
  @Get('statement')
  statement(): StreamableFile {
    calls.push({ route: 'statement' });
    return new StreamableFile(Readable.from(STATEMENT.map((piece) => Buffer.from(piece))), { type: 'text/plain' });
  }

  /** Reads its body as it comes, and keeps it where it ends well. */
  @Post('files')
  async keep(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<unknown> {
    calls.push({ route: 'files' });
    let body = '';
    for await (const chunk of request.raw ?? request) body += String(chunk);
    calls.push({ route: 'kept', body });
    return { kept: body.length };
  }

  @Post('login')
  async login(@Req() request: WithSession, @Body() body: { owner: string }): Promise<unknown> {
    calls.push({ route: 'login', body });
    await this.keys.carryOver(request);
    request.session.owner = body.owner;
    return { owner: body.owner };
  }

  @Get('owner')
  owner(@Req() request: WithSession): unknown {
    calls.push({ route: 'owner' });
    return { owner: request.session.owner ?? null };
  }

  @Post('slow')
  async slow(@Req() request: WithSession): Promise<unknown> {
    calls.push({ route: 'slow' });
    await gate.opened;
    request.session.owner = 'saved late';
    return {};
  }

  @Post('logout')
  async logout(@Req() request: WithSession): Promise<unknown> {
    calls.push({ route: 'logout' });
    await new Promise<void>((resolve, reject) => {
      request.session.destroy((error) => {
        if (error) reject(error instanceof Error ? error : new Error('not logged out'));
        else resolve();
      });
    });
    return { loggedOut: true };
  }

  /** Logs out as passport does: without its user, the session is replaced. */
  @Post('leave')
  async leave(@Req() { session }: WithSession): Promise<unknown> {
    delete session.owner;
    await new Promise<void>((resolve, reject) => {
      session.regenerate((error) => (error ? reject(new Error('not logged out')) : resolve()));
    });
    return { left: true };
  }

  @Post('revoke')
  async revoke(@Req() request: object): Promise<unknown> {
    await this.keys.revoke(request);
    return { revoked: true };
  }
}
