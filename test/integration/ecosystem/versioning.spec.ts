import { expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Post,
  Version,
  VERSION_NEUTRAL,
  VersioningType,
  type VersioningOptions,
} from '@nestjs/common';
import { Encrypted, Plain } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp, useApp } from '../e2e/support/apps.js';

@Controller({ path: 'notes', version: '1' })
@Plain()
class FirstController {
  @Get()
  find(): object {
    return { version: 'plain-one' };
  }
}

/** From its second version on the route is sealed. */
@Controller({ path: 'notes', version: ['2', '3'] })
@Encrypted()
class SecondController {
  @Get()
  find(): object {
    return { version: 'sealed-two' };
  }
  @Get()
  @Version('4')
  later(): object {
    return { version: 'sealed-four' };
  }
  @Post('any')
  @Version(VERSION_NEUTRAL)
  any(): object {
    return { version: 'sealed-any' };
  }
}

/** How a request says which version it wants. */
type Asking = (version: string) => { path: string; headers: Record<string, string> };
const KEY_MANAGEMENT: [name: string, options: VersioningOptions, asking: Asking][] = [
  ['in the URI', { type: VersioningType.URI }, (version) => ({ path: `/v${version}/notes`, headers: {} })],
  [
    'in a header',
    { type: VersioningType.HEADER, header: 'x-version' },
    (version) => ({ path: '/notes', headers: { 'x-version': version } }),
  ],
  [
    'in the media type',
    { type: VersioningType.MEDIA_TYPE, key: 'v=' },
    (version) => ({ path: '/notes', headers: { accept: `application/json;v=${version}` } }),
  ],
  [
    'wherever the application looks',
    {
      type: VersioningType.CUSTOM,
      extractor: (request) => (request as { headers: Record<string, string> }).headers['x-api'] ?? '',
    },
    (version) => ({ path: '/notes', headers: { 'x-api': version } }),
  ],
];

onEachPlatform('Versioning', (platform) => {
  it.each(KEY_MANAGEMENT)('%s: each version is sealed as it says', async (_, versioning, asking) => {
    const app = await TestApp.start(platform, {
      controllers: [FirstController, SecondController],
      configure: (nest) => nest.enableVersioning(versioning),
    });
    try {
      const agent = await e2eAgent(app.url);
      const get = (version: string) => {
        const { path, headers } = asking(version);
        return agent.get(path).set(headers);
      };
      for (const [version, says] of [
        ['2', 'two'],
        ['3', 'two'],
        ['4', 'four'],
      ] as const) {
        await get(version)
          .expectSealed()
          .expect(200, { version: `sealed-${says}` });
      }
      await get('9').expect(404);
      const { path, headers } = asking('1');
      expect(await (await fetch(app.url + path, { headers })).json()).toEqual({ version: 'plain-one' });
      await agent.post('/notes/any').expectSealed().expect(201, { version: 'sealed-any' });
    } finally {
      await app.close();
    }
  });
});

@Controller('prefix')
@Encrypted()
class PrefixController {
  @Get('in')
  within(): object {
    return { text: 'canary-within' };
  }
  @Get('out')
  without(): object {
    return { text: 'canary-without' };
  }
}

onEachPlatform('A global prefix', (platform) => {
  const app = useApp(platform, {
    controllers: [PrefixController],
    configure: (nest) => nest.setGlobalPrefix('api', { exclude: ['prefix/out'] }),
  });

  it('leaves the routes sealed that it stands before, and those that are left out of it', async () => {
    const agent = await e2eAgent(app().url, { path: 'api/e2e' });
    await agent.get('/api/prefix/in').expectSealed().expect(200, { text: 'canary-within' });
    await agent.get('/prefix/out').expectSealed().expect(200, { text: 'canary-without' });
  });
});
