import { afterEach, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { clearDebugCalls, debugCalls, watchDebugCalls } from '../../../src/debug/index.js';
import { checkDebug } from '../../../src/client/debug/recorder.js';
import { Encrypted } from '../../../src/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { errorOf, postJson } from './support/raw.js';

@Encrypted()
@Controller('notes')
class NoteController {
  @Post()
  echo(@Body() body: object): object {
    return { echo: body };
  }
  @Get()
  long(): string {
    return 'x'.repeat(50_000);
  }
}

const { NODE_ENV } = process.env;
afterEach(() => {
  process.env.NODE_ENV = NODE_ENV;
  Reflect.deleteProperty(globalThis, 'location');
  clearDebugCalls();
});

onEachPlatform('the client option debug', (platform) => {
  const app = useApp(platform, { controllers: [NoteController] });
  /** A call is kept a little after its response is there. */
  const settled = (count = 1) =>
    until(() => debugCalls().filter(({ response }) => response !== undefined).length === count);

  it('keeps calls as the application sees them, and as they were sent', async () => {
    let changes = 0;
    const unwatch = watchDebugCalls(() => changes++);
    const response = await app()
      .client({ debug: true })
      .fetch('notes?q=1', postJson({ text: 'meet me' }));
    expect(await response.json()).toEqual({ echo: { text: 'meet me' } });
    await settled();
    unwatch();
    const [call, ...others] = debugCalls();
    expect([others, changes]).toEqual([[], 2]);
    expect(call).toMatchObject({ method: 'POST', url: `${app().url}/notes?q=1`, wireUrl: `${app().url}/notes` });
    expect(call!.request.plain.body).toBe('{"text":"meet me"}');
    expect(call!.request.wire.body).toMatch(/^eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(call!.response).toMatchObject({ status: 201, wireStatus: 201 });
    expect(call!.response!.plain.body).toBe('{"echo":{"text":"meet me"}}');
    expect(call!.response!.wire.body).toMatch(/^eyJ/);
    expect(call!.response!.wire.headers).toContainEqual(['content-type', 'application/jose']);
  });

  it('keeps the last 50, and no more than the start of a long body', async () => {
    const client = app().client({ debug: true });
    for (let count = 0; count < 53; count++) await client.fetch(`notes?n=${count}`, postJson({ count }));
    await until(() => debugCalls().at(-1)?.response !== undefined && debugCalls().at(-1)!.url.endsWith('n=52'));
    await settled(50);
    expect(debugCalls().map(({ url }) => new URL(url).search)).toEqual(
      Array.from({ length: 50 }, (_, index) => `?n=${index + 3}`),
    );
    clearDebugCalls();
    expect((await (await client.fetch('notes')).text()).length).toBe(50_000);
    await settled();
    const { plain, wire } = debugCalls()[0]!.response!;
    expect([plain.body.length < 17_000, wire.body.length < 17_000]).toEqual([true, true]);
  });

  it('keeps what an error was, and nothing without the option', async () => {
    await app().client().fetch('notes', postJson({}));
    expect(debugCalls()).toEqual([]);
    const response = await app().client({ debug: true }).fetch('nowhere');
    await settled();
    expect([response.status, debugCalls()[0]!.response!.status]).toEqual([404, 404]);
  });

  it('is refused in production before anything is sent, whether forced or not', async () => {
    process.env.NODE_ENV = 'production';
    app().tap.clear();
    for (const debug of [true, 'force'] as const) {
      const error = await errorOf(app().client({ debug }).fetch('notes'));
      expect(error).toMatchObject({ code: 'invalid-option', message: expect.stringContaining('production') });
    }
    expect([app().tap.text, debugCalls()]).toEqual(['', []]);
  });
});

it.each([
  ['localhost', true, false],
  ['app.localhost', true, false],
  ['127.0.0.1', true, false],
  ['[::1]', true, false],
  ['staging.example.com', true, true],
  ['localhost.example.com', true, true],
  ['127.0.0.1.example.com', true, true],
  ['staging.example.com', 'force', false],
] as const)('on a page at %s, debug: %s is refused: %s', (hostname, debug, isRefused) => {
  Object.assign(globalThis, { location: { hostname } });
  const check = () => checkDebug({ debug });
  if (isRefused) expect(check).toThrow('not on localhost');
  else expect(check).not.toThrow();
});

it.each([
  ['development', true, false],
  ['test', true, false],
  ['staging', true, true],
  ['', true, true],
  [undefined, true, true],
  [undefined, 'force', false],
  ['production', 'force', true],
] as const)('outside a page, where NODE_ENV is %s, debug: %s is refused: %s', (environment, debug, isRefused) => {
  if (environment === undefined) delete process.env.NODE_ENV;
  else process.env.NODE_ENV = environment;
  const check = () => checkDebug({ debug });
  if (isRefused) expect(check).toThrow('NODE_ENV is');
  else expect(check).not.toThrow();
});

it('has no other values', () => {
  expect(() => checkDebug({ debug: 'yes' as never })).toThrow('must be true, false or "force"');
});
