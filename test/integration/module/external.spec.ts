import { expect, it } from '@jest/globals';
import { Controller, Get, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { EventEmitter, once } from 'node:events';
import { onEachPlatform, TestApp } from '../e2e/support/apps.js';
import { noting, passed } from './support/passing.js';

/** A queue's consumer, a bot's command, a cron job: libraries call such methods by themselves, or through Nest. */
@Injectable()
class Consumer implements OnApplicationBootstrap {
  readonly queue = new EventEmitter();
  constructor(@Inject(ExternalContextCreator) private readonly creator: ExternalContextCreator) {}
  onApplicationBootstrap(): void {
    this.queue.on('direct', (message) => this.queue.emit('done', this.consume(message as object)));
    // Without a context type of its own it is taken for HTTP, and the message for a request.
    // eslint-disable-next-line @typescript-eslint/unbound-method -- Nest calls it on the object that it is given
    const handler = this.creator.create(this, this.consume as never, 'consume');
    this.queue.on('through Nest', (message) => void handler(message).then((result) => this.queue.emit('done', result)));
  }
  consume(message: object): object {
    return { consumed: message };
  }
}

@Controller('notes')
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
}

onEachPlatform('What a library calls', (platform) => {
  it.each(['direct', 'through Nest'])('%s passes untouched, with encryptByDefault', async (way) => {
    const app = await TestApp.start(platform, {
      e2e: { encryptByDefault: true },
      controllers: [NoteController],
      providers: [Consumer, ...noting],
    });
    passed.length = 0;
    try {
      const { queue } = app.get(Consumer);
      const message = { headers: { 'content-type': 'application/json' }, value: 7 };
      const done = once(queue, 'done');
      queue.emit(way, message);
      expect(await done).toEqual([{ consumed: message }]);
      expect(passed).toEqual(way === 'direct' ? [] : ['guard: http', 'interceptor: http']);
      expect((await fetch(`${app.url}/notes`)).status).toBe(415);
    } finally {
      await app.close();
    }
  });
});
