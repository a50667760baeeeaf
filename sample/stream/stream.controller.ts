import { setTimeout } from 'node:timers/promises';
import {
  Controller,
  DefaultValuePipe,
  Get,
  Headers,
  HttpException,
  HttpStatus,
  ParseIntPipe,
  Query,
  Res,
  Sse,
  type MessageEvent,
} from '@nestjs/common';
import type { Response } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import { map, take, timer, type Observable } from 'rxjs';

const EVENT_INTERVAL_MS = 50;
const LINE_INTERVAL_MS = 20;

/** Answers that are written in pieces: each piece leaves sealed, at once. */
@Controller()
@Encrypted()
export class StreamController {
  /** Server-sent events with the ids 1 to `count`. Whoever lost the connection goes on after the last event it saw. */
  @Sse('events')
  events(
    @Query('count', new DefaultValuePipe(10), ParseIntPipe) count: number,
    @Headers('last-event-id') lastEventId = '0',
  ): Observable<MessageEvent> {
    const seen = /^\d{1,9}$/.test(lastEventId) ? Number(lastEventId) : 0;
    // The status by which an event source stops, instead of asking again.
    if (seen >= count) throw new HttpException('No more events', HttpStatus.NO_CONTENT);
    return timer(0, EVENT_INTERVAL_MS).pipe(
      take(count - seen),
      map((index) => seen + index + 1),
      map((n) => ({ id: String(n), data: { n } })),
    );
  }

  /** Lines, one after the other; with `fail`, the answer breaks off after so many. */
  @Get('drip')
  async drip(
    @Res() response: Response & { readonly raw?: Response },
    @Query('count', new DefaultValuePipe(10), ParseIntPipe) count: number,
    @Query('fail', new DefaultValuePipe(Infinity)) fail: string | number,
  ): Promise<void> {
    // Node's own response, which Fastify's reply has as `raw`.
    const res = response.raw ?? response;
    res.setHeader('content-type', 'text/plain; charset=utf-8');
    for (let line = 1; line <= count && !res.closed; line++) {
      if (line > Number(fail)) return void res.destroy();
      res.write(`line ${line}\n`);
      await setTimeout(LINE_INTERVAL_MS);
    }
    res.end();
  }
}
