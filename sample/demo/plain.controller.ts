import { Body, Controller, Get, Header, Post } from '@nestjs/common';

/** No `@Encrypted()`: readable to everyone on the way, for comparison. */
@Controller()
export class PlainController {
  @Post('plain/echo')
  @Header('Content-Type', 'application/json')
  echo(@Body() value: unknown): string | undefined {
    // Nest on Express would send null as nothing and a string as text/html: so JSON is made here.
    return JSON.stringify(value);
  }

  @Get('health')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }
}
