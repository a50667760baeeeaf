import { expect, it } from '@jest/globals';
import { ClassSerializerInterceptor, Controller, Get, Module, SerializeOptions, UseInterceptors } from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { Exclude, Expose } from 'class-transformer';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { modules } from './support/modules.js';

class User {
  readonly first = 'Ada';
  readonly last = 'Lovelace';
  @Exclude()
  readonly password = 'hash-1234567';
  @Expose({ groups: ['admin'] })
  readonly salary = 4000;

  @Expose()
  get name(): string {
    return `${this.first} ${this.last}`;
  }
}
const shown = { first: 'Ada', last: 'Lovelace', name: 'Ada Lovelace' };

@Controller('users')
@Encrypted()
class UserController {
  @Get()
  find(): User[] {
    return [new User()];
  }
  @Get('admin')
  @SerializeOptions({ groups: ['admin'] })
  admin(): User {
    return new User();
  }
}

@Controller('users')
@Encrypted()
@UseInterceptors(ClassSerializerInterceptor)
class OwnController extends UserController {}

@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }] })
class Everywhere {}

const e2e = () => E2eModule.forRoot({ keyPool: { size: 0 } });
const controllers = [UserController];
const KEY_MANAGEMENT: Record<string, Setup> = {
  'by @UseInterceptors()': { controllers: [OwnController] },
  'by useGlobalInterceptors()': {
    controllers,
    configure: (nest) => nest.useGlobalInterceptors(new ClassSerializerInterceptor(nest.get(Reflector))),
  },
  'as APP_INTERCEPTOR before E2eModule': {
    controllers,
    e2e: modules(Everywhere, e2e()),
  },
  'as APP_INTERCEPTOR after it': { controllers, e2e: modules(e2e(), Everywhere) },
};

onEachPlatform('ClassSerializerInterceptor, with class-transformer', (platform) => {
  it.each(Object.keys(KEY_MANAGEMENT))('%s: has its say before the answer is sealed', async (way) => {
    const app = await TestApp.start(platform, KEY_MANAGEMENT[way]!);
    try {
      const agent = await e2eAgent(app.url);
      await agent.get('/users').expectSealed().expect(200, [shown]);
      await agent
        .get('/users/admin')
        .expectSealed()
        .expect(200, { ...shown, salary: 4000 });
      expect(app.tap.text).not.toMatch(/Lovelace|hash/);
    } finally {
      await app.close();
    }
  });
});
