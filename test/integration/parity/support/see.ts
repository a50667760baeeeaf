import {
  Body,
  Controller,
  Get,
  Headers,
  Options,
  Param,
  Post,
  Put,
  Query,
  RawBody,
  Req,
  Version,
} from '@nestjs/common';
import { IsString } from 'class-validator';
import type { IncomingMessage } from 'node:http';

/** What both platforms' requests have in common, and what one has. */
interface AnyRequest {
  readonly raw?: IncomingMessage;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly query: unknown;
  readonly body?: unknown;
  readonly rawBody?: Buffer;
  is?(...types: string[]): string | false | null;
}

const nodeRequest = (request: AnyRequest): IncomingMessage => request.raw ?? (request as unknown as IncomingMessage);

/** A value so that JSON shows what it is. */
function shown(value: unknown): unknown {
  if (value === undefined) return { is: 'undefined' };
  if (Buffer.isBuffer(value)) return { is: 'Buffer', bytes: value.toString('latin1') };
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shown);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shown(member)]));
}

const DESCRIPTIONS = /^(content-|transfer-|digest|want-|repr-|trailer|expect)/;

/** All that a handler can learn of its request, but for what says that it travelled sealed. */
function seen(request: AnyRequest): object {
  const raw = nodeRequest(request);
  const names = raw.rawHeaders.filter((name, index) => index % 2 === 0 && DESCRIPTIONS.test(name.toLowerCase()));
  return {
    body: shown(request.body),
    rawBody: shown(request.rawBody),
    query: shown(request.query),
    headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => DESCRIPTIONS.test(name))),
    rawHeaders: names.map((name) => name.toLowerCase()).sort(),
    is: request.is && ['json', 'urlencoded', 'text', 'multipart', '*/*'].map((type) => request.is?.(type)),
    isConsumed: raw.readableEnded,
  };
}

export class NoteDto {
  @IsString()
  text!: string;
}

@Controller('see')
export class SeeController {
  @Get()
  see(@Req() request: AnyRequest): object {
    return seen(request);
  }
  @Get('headers')
  headers(@Headers() headers: object): object {
    return headers;
  }
  @Put()
  put(@Req() request: AnyRequest): object {
    return seen(request);
  }
  @Post()
  seeBody(@Req() request: AnyRequest, @Body() body: unknown): object {
    return { ...seen(request), injected: shown(body) };
  }
  @Post('dto')
  dto(@Body() body: NoteDto): object {
    return { name: body.constructor.name, body: shown(body) };
  }
  @Post('member')
  member(@Body('text') text: unknown, @Query('page') page: unknown): object {
    return { text: shown(text), page: shown(page) };
  }
  @Post('raw-body')
  rawBody(@RawBody() rawBody: Buffer | undefined): object {
    return { rawBody: shown(rawBody) };
  }
  /** Reads the request, as a handler does that takes a body of any length. */
  @Post('read')
  async read(@Req() request: AnyRequest): Promise<object> {
    const raw = nodeRequest(request);
    if (raw.readableEnded) return { was: 'read before' };
    const chunks: Buffer[] = [];
    for await (const chunk of raw) chunks.push(chunk as Buffer);
    return { bytes: Buffer.concat(chunks).toString('latin1'), type: request.headers['content-type'] };
  }
  @Options()
  options(): object {
    return { options: true };
  }
  @Get('params/:id')
  params(@Param('id') id: string, @Query() query: unknown): object {
    return { id, query: shown(query) };
  }
}

@Controller('versions')
export class VersionController {
  @Version('1')
  @Post()
  first(@Body() body: unknown): object {
    return { version: 1, body };
  }
  @Version('2')
  @Post()
  second(@Body() body: unknown): object {
    return { version: 2, body };
  }
}
