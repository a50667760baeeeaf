import { Body, Controller, Module, Post } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { SkipThrottle, Throttle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { E2eModule, Encrypted } from '../../../src/index.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Post()
  create(@Body() note: object): object {
    return note;
  }
}

const application = {
  controllers: [NoteController],
  providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
};
const limits = ThrottlerModule.forRoot([{ ttl: 60_000, limit: 2 }]);

@Module({ imports: [E2eModule.forRoot(), limits], ...application })
export class Limited {}

/** The handshake has a limit of its own. */
@Module({
  imports: [limits, E2eModule.forRoot({ decorators: [Throttle({ default: { limit: 3, ttl: 60_000 } })] })],
  ...application,
})
export class Apart {}

/** The handshake has none. */
@Module({ imports: [limits, E2eModule.forRoot({ decorators: [SkipThrottle()] })], ...application })
export class Free {}
