import { Body, Controller, Get, Module, Post, Query, type INestApplication } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { InjectPinoLogger, Logger, LoggerErrorInterceptor, LoggerModule, PinoLogger, type Params } from 'nestjs-pino';
import { E2eModule, Encrypted } from '../../../src/index.js';

@Controller('notes')
@Encrypted()
class NoteController {
  constructor(@InjectPinoLogger(NoteController.name) private readonly logger: PinoLogger) {}

  @Post()
  create(@Body() note: object): object {
    this.logger.info('a handler logs');
    return note;
  }
  @Get()
  find(@Query() query: object): object {
    return query;
  }
  @Post('fail')
  fail(): never {
    throw new Error('a handler fails');
  }
}

function application(pinoHttp: Params['pinoHttp']) {
  @Module({ imports: [LoggerModule.forRoot({ pinoHttp }), E2eModule.forRoot()], controllers: [NoteController] })
  class AppModule {
    static configure(app: INestApplication): void {
      app.useLogger(app.get(Logger));
      app.useGlobalInterceptors(new LoggerErrorInterceptor());
    }
  }
  return AppModule;
}

/** As it comes. */
export const Default = application({ level: 'trace' });

type Request = IncomingMessage & { body?: unknown; query?: unknown };
const shown = ({ body, query, url }: Request) => ({ body, query, url });

/** Bodies and queries in the serializer, as many applications have it: pino-http asks it when the request arrives. */
export const Serializer = application({
  serializers: { req: (request: { raw: Request }) => ({ ...request, ...shown(request.raw) }) },
});

/** Bodies and queries in what pino-http asks for when the response ends: by then the message is open. */
export const Late = application({
  customSuccessObject: (request: Request, _, fields: object) => ({ ...fields, ...shown(request) }),
});
