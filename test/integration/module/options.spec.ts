import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { generateKeyPairSync } from 'node:crypto';
import session from 'express-session';
import { E2eModule, Encrypted, MemoryReplayGuard, type E2eExtras, type E2eOptions } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { createNest, moduleOf } from './support/nest.js';

/** A value that is in no message, whatever option it is given to. */
const SECRET = 'tell-nobody-7f3a91';
const LONG_SECRET = `${SECRET}-and-more-of-it-to-be-long-enough`;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ed25519 = generateKeyPairSync('ed25519');

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
}

class RedisClient {
  readonly password = SECRET;
}

/** The option, a value that it does not take, the shape that the error tells, and what it says to take or to do. */
const WRONG: [option: string, value: unknown, shape: string, fix: string][] = [
  ['session', true, 'true', 'Leave it out if the module should install'],
  ['session', null, 'null', ''],
  ['session', 'none', 'a string of length 4', ''],
  ['session', 5, 'the number 5', ''],
  [
    'session',
    session({ secret: SECRET, resave: false, saveUninitialized: false }),
    'a function',
    'Pass the middleware to app.use(…)',
  ],
  ['session.secret', undefined, 'undefined', 'Set it, or leave it out'],
  ['session.secret', '', 'an empty string', ''],
  ['session.secret', 12345678, 'a number', ''],
  ['session.store', new RedisClient(), 'an instance of RedisClient', 'new RedisStore({ client })'],
  ['session.resave', 'false', 'a string of length 5', "process.env.NAME === 'true'"],
  ['session.cookie', SECRET, 'a string of length 18', ''],
  ['channelStore', new RedisClient(), 'an instance of RedisClient', 'new RedisStore({ client })'],
  ['secret', SECRET, 'a string of length 18', 'at least 32 characters'],
  ['secret', '', 'an empty string', 'Make one with: node -p'],
  ['secret', 1234567890123, 'a number', ''],
  ['secret', null, 'null', ''],
  ['secret', [], 'an empty list', ''],
  ['secret', [LONG_SECRET, SECRET], 'a list of a string of length 51 and a string of length 18', ''],
  ['secret', Promise.resolve(SECRET), 'a promise', 'use forRootAsync'],
  ['identityKey', SECRET, 'a string of length 18', 'npx nestjs-e2e-encryption keygen'],
  ['identityKey', '', 'an empty string', ''],
  ['identityKey', [], 'an empty list', ''],
  ['identityKey', rsa, 'an instance of PrivateKeyObject (rsa)', 'Ed25519 or P-256'],
  ['identityKey', ed25519.publicKey, 'an instance of PublicKeyObject (ed25519)', 'private key'],
  ['deviceBinding', true, 'true', "'off' or 'required'"],
  ['keyKinds', [], 'an empty list', "'RSA', 'P-256', 'X25519'"],
  ['keyKinds', 'RSA', 'a string of length 3', 'a list of'],
  ['keyKinds', ['P-384'], 'a list of a string of length 5', ''],
  ['rsaModulusLength', 1024, 'the number 1024', '2048, 3072 or 4096'],
  ['rsaModulusLength', '2048', 'a string of length 4', ''],
  ['allowPlainJwe', 1, 'the number 1', 'true or false'],
  ['channelTtl', 0, 'the number 0', 'a whole number of seconds, 1 or more'],
  ['channelTtl', 1.5, 'the number 1.5', ''],
  ['channelTtl', '3600', 'a string of length 4', 'Number(process.env.NAME)'],
  ['channelsPerSession', -1, 'the number -1', '1 or more'],
  ['channelsPerSession', null, 'null', '1 or more'],
  ['maxBodySize', Number.NaN, 'the number NaN', 'bytes'],
  ['maxBodySize', 2 ** 30, 'the number 1073741824', '1 to 268435456'],
  ['maxBodyDepth', Infinity, 'the number Infinity', 'levels'],
  ['maxChannels', 1e12, 'the number 1000000000000', '1 to 10000000'],
  ['storeTimeout', 0, 'the number 0', 'milliseconds'],
  ['storeTimeout', 2 ** 31, 'the number 2147483648', '1 to 2147483647'],
  ['encryptByDefault', 'false', 'a string of length 5', "Convert it: process.env.NAME === 'true'"],
  ['encryptByDefault', null, 'null', 'true or false'],
  ['padding', 'yes', 'a string of length 3', 'true or false'],
  ['publicPath', 'api', 'a string of length 3', 'with a leading slash'],
  ['publicPath', '/api/', 'a string of length 5', 'none at the end'],
  ['publicPath', '/api?x', 'a string of length 6', ''],
  ['publicPath', ['/api'], 'a list of a string of length 4', ''],
  ['keyPool', 8, 'the number 8', 'size, making and waiting'],
  ['keyPool.size', -1, 'the number -1', 'key pairs'],
  ['keyPool.waiting', -1, 'the number -1', 'handshakes'],
  ['replayGuard', new RedisClient(), 'an instance of RedisClient', 'redisReplayGuard(client)'],
  ['onEvent', { emit: SECRET }, 'an object', 'a function'],
];

const UNKNOWN: [given: object, message: string][] = [
  [{ sercet: LONG_SECRET }, 'unknown option "sercet". Did you mean "secret"?'],
  [{ encryptbydefault: true }, 'unknown option "encryptbydefault". Did you mean "encryptByDefault"?'],
  [{ chanelTtl: 60 }, 'unknown option "chanelTtl". Did you mean "channelTtl"?'],
  [{ keyPool: { sise: 3 } }, 'unknown option "keyPool.sise". Did you mean "keyPool.size"?'],
  [{ session: { secert: SECRET } }, 'unknown option "session.secert". Did you mean "session.secret"?'],
  [{ algorithm: 'RSA' }, 'unknown option "algorithm".'],
  [
    { guard: false },
    'unknown option "guard". Remove it: messages are always opened before the application\'s guards run. ' +
      "Otherwise the guards' exceptions would leave in the clear.",
  ],
];

const TOGETHER: [given: E2eOptions, message: string][] = [
  [{ channelStore: new session.MemoryStore() }, `"channelStore" must be left out unless session is 'channel'`],
  [{ session: 'channel', allowPlainJwe: true }, `"allowPlainJwe" must be false if session is 'channel'`],
];

const KEY_MANAGEMENT = {
  forRoot: (options: object) => E2eModule.forRoot(options),
  forRootAsync: (options: object) => E2eModule.forRootAsync({ useFactory: async () => Promise.resolve(options) }),
};

function optionsWith(option: string, value: unknown): object {
  const [name = '', inner] = option.split('.');
  return { [name]: inner === undefined ? value : { [inner]: value } };
}

/** What the start ends in. */
async function startError(start: () => object): Promise<Error> {
  try {
    await (await createNest(moduleOf({ imports: [start() as ReturnType<typeof E2eModule.forRoot>] }))).nest.close();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('the application started');
}

describe.each(Object.entries(KEY_MANAGEMENT))(
  'A wrong option, given to %s, stops the start with an error that names',
  (_, way) => {
    it.each(WRONG)('the option, the shape of its value, and what to do: %s, %p', async (option, value, shape, fix) => {
      const { message } = await startError(() => way(optionsWith(option, value)));
      expect(message).toMatch(new RegExp(`^E2eModule: the option "${option.replace('.', '\\.')}" must be `));
      expect(message).toContain(`; received ${shape}`);
      expect(message).toContain(fix);
      expect(message).not.toMatch(/tell-nobody|12345678/);
    });

    it.each(UNKNOWN)('the unknown option, and the one that was probably meant: %p', async (given, text) => {
      const { message } = await startError(() => way(given));
      expect(message).toBe(`E2eModule: ${text}`);
    });

    it.each(TOGETHER)('options that do not go together: %p', async (given, text) => {
      expect((await startError(() => way(given))).message).toContain(text);
    });
  },
);

describe('The members beside the options are checked by forRoot and forRootAsync', () => {
  it.each<[E2eExtras, string]>([
    [
      { path: '/' },
      '"path" must be a path such as \'e2e\', without parameters or wildcards; received a string of length 1',
    ],
    [{ path: 'e2e/:tenant' }, '"path"'],
    [{ path: '' }, '"path" must be a path such as \'e2e\', without parameters or wildcards; received an empty string'],
    [{ path: 5 } as object, '"path"'],
    [{ decorators: 'Public' } as object, '"decorators" must be a list of class decorators'],
    [{ decorators: ['Public'] } as object, '"decorators"'],
    [{ isGlobal: 'no' } as object, '"isGlobal" must be true or false; received a string of length 2'],
  ])('%p', (extras, message) => {
    expect(() => E2eModule.forRoot(extras)).toThrow(message);
    expect(() => E2eModule.forRootAsync({ ...extras, useFactory: () => ({}) })).toThrow(message);
  });

  it('and so are the members of forRootAsync', () => {
    const refused = (given: object, message: string): void =>
      expect(() => E2eModule.forRootAsync(given)).toThrow(`E2eModule: ${message}`);
    refused({}, 'forRootAsync() needs useFactory, useClass or useExisting.');
    refused({ useFactroy: () => ({}) }, 'unknown option "useFactroy". Did you mean "useFactory"?');
    refused(
      { encryptByDefault: true, useFactory: () => ({}) },
      'forRootAsync() must not have "encryptByDefault" beside useFactory. Return it from useFactory.',
    );
  });

  it.each(['path', 'decorators', 'isGlobal'])('rejects members that a factory returns too late: %s', async (name) => {
    const { message } = await startError(() => E2eModule.forRootAsync({ useFactory: () => ({ [name]: undefined }) }));
    expect(message).toContain(`unknown option "${name}". Put it beside useFactory`);
  });
});

describe('Something that is not an options object is rejected', () => {
  it.each<[unknown, string]>([
    [null, 'null'],
    [SECRET, 'a string of length 18'],
    [[], 'an empty list'],
    [Promise.resolve({}), 'a promise'],
  ])('by forRoot: %p', (given, shape) => {
    expect(() => E2eModule.forRoot(given as object)).toThrow(
      `E2eModule: the options must be an object; received ${shape}`,
    );
  });

  it.each([undefined, null, SECRET])('from a factory: %p', async (given) => {
    const { message } = await startError(() => E2eModule.forRootAsync({ useFactory: () => given as never }));
    expect(message).toContain('E2eModule: the options must be an object; received');
    expect(message).not.toContain(SECRET);
  });
});

describe('What is right starts', () => {
  const pem = ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' });
  it.each<[E2eOptions]>([
    [{}],
    [{ secret: undefined, keyPool: undefined, session: undefined }],
    [{ secret: [LONG_SECRET, LONG_SECRET.toUpperCase()], identityKey: [pem.toString(), ed25519.privateKey] }],
    [{ session: { name: 'orders.sid', secret: [SECRET, 'old'], rolling: true, cookie: { maxAge: 1000 } } }],
    [{ session: false, secret: LONG_SECRET, publicPath: '' }],
    [{ session: 'channel', channelStore: new session.MemoryStore(), secret: LONG_SECRET, allowPlainJwe: false }],
    [{ replayGuard: new MemoryReplayGuard(), onEvent: () => undefined, keyPool: { size: 1, making: 2, waiting: 3 } }],
  ])('%p', async (options) => {
    const { nest } = await createNest(moduleOf({ imports: [E2eModule.forRoot(options)] }));
    await nest.close();
  });
});

describe('undefined counts as absent', () => {
  it('in session, too: a store that only some deployments have', async () => {
    const session = { store: undefined, name: undefined, cookie: undefined };
    const controllers = [NoteController];
    const { nest } = await createNest(moduleOf({ imports: [E2eModule.forRoot({ session })], controllers }));
    const agent = await e2eAgent(nest);
    await agent.get('/notes').expectSealed().expect(200, { notes: [] });
    await agent.close();
    await nest.close();
  });
});

describe('An option that protects, and is undefined', () => {
  const { NODE_ENV } = process.env;
  afterEach(() => {
    process.env.NODE_ENV = NODE_ENV;
  });

  it.each(['identityKey', 'deviceBinding', 'keyKinds', 'encryptByDefault', 'sealedPaths', 'sealedHeaders', 'padding'])(
    'stops the start in production: %s',
    async (name) => {
      for (const way of Object.values(KEY_MANAGEMENT)) {
        process.env.NODE_ENV = 'production';
        expect((await startError(() => way({ [name]: undefined }))).message).toBe(
          `E2eModule: the option "${name}" must be set or left out if NODE_ENV is "production"; received undefined. ` +
            'Is an environment variable missing?',
        );
        for (const [environment, options] of [
          ['production', {}],
          ['development', { [name]: undefined }],
        ] as const) {
          process.env.NODE_ENV = environment;
          await (await createNest(moduleOf({ imports: [way(options)] }))).nest.close();
        }
      }
    },
  );
});
