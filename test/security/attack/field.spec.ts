import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { Encrypted, KeyService } from '../../../src/index.js';
import { ForgeEngine } from '../../../src/crypto/forge.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { WebEngine } from '../../../src/crypto/web.js';
import { parsePublicKey } from '../../../src/protocol/keys.js';
import { form, search, json, type Channel, type Message, type Sealed } from '../../external/conformance/channel.js';
import { b64u, directWay, keyPair, openCompact, sealText } from '../../external/conformance/peer.js';
import type { Reply } from '../../external/conformance/wire.js';
import { TestApp } from '../../integration/e2e/support/apps.js';
import { CANARY, expectPlainProblem } from '../../integration/e2e/support/raw.js';

/*
 * The mistakes that were seen in other libraries of this kind, each as a test of its own. Those that are held elsewhere:
 *
 * the client hands back the raw body when opening fails   test/unit/client/answers.spec.ts, test/security/attack/rows/downgrade.ts
 * the server sends plaintext when sealing fails           below, and test/integration/e2e/streams.spec.ts
 * GCM tags of 4 bytes                                     below, and test/unit/crypto/wycheproof.spec.ts, on all engines
 * odd RSA keys                                            below, and test/unit/protocol/keys.spec.ts
 * a timestamp that is checked on one side only            below, and test/external/conformance/window.spec.ts
 */

interface WithSession {
  readonly session: { count?: number };
}
interface RawResponse {
  setHeader(name: string, value: string): void;
  write(chunk: string): void;
  end(chunk?: string): void;
}

let ran = 0;
let held: Promise<void> | undefined;

@Controller('field')
@Encrypted()
class FieldController {
  constructor(private readonly keys: KeyService) {}

  @Post()
  echo(@Body() body: object): unknown {
    ran++;
    return { body, isAdmin: Object.assign({}, body as { isAdmin?: boolean }).isAdmin ?? false };
  }
  @Get()
  find(@Query() query: { isAdmin?: string }): unknown {
    ran++;
    return { isAdmin: query.isAdmin ?? false, names: Object.keys(query) };
  }
  @Get('compressed')
  compress(@Res() response: RawResponse): void {
    response.setHeader('Content-Encoding', 'x-own');
    response.end(CANARY);
  }
  @Get('mistyped')
  mistype(@Res() response: RawResponse): void {
    response.setHeader('Content-Type', 'nonsense');
    response.end(CANARY);
  }
  /** Changes the session, and saves it when it is told to. */
  @Post('count')
  async count(@Req() request: WithSession): Promise<unknown> {
    await held;
    request.session.count = (request.session.count ?? 0) + 1;
    return { count: request.session.count };
  }
  @Post('revoke')
  async revoke(@Req() request: object): Promise<unknown> {
    await this.keys.revoke(request);
    return {};
  }
}

let app: TestApp;
beforeAll(async () => {
  app = await TestApp.start('express', { controllers: [FieldController] });
});
afterAll(() => app.close());

const open = (): Promise<Channel> => app.visitor().handshake('X25519');
const echo = (channel: Channel, members = {}): Message => channel.message('POST', '/field', json({ a: 1 }), members);

/** Refused in the clear, as the one constant problem; no handler ran. */
async function rejected(channel: Channel, message: Message): Promise<void> {
  const before = ran;
  expectPlainProblem(await channel.post(message), 'message-rejected');
  expect(ran).toBe(before);
}

describe('A failure that falls through to plaintext', () => {
  it.each(['compressed', 'mistyped'])('at the server: an answer that is %s is a sealed 500', async (path) => {
    app.tap.clear();
    const answer = await (await open()).request('GET', `/field/${path}`);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain(CANARY);
    expect(app.tap.text).not.toContain(CANARY);
  });

  it('at the handler: what does not decrypt is not {}, and nothing runs', async () => {
    const channel = await open();
    await rejected(channel, channel.message('POST', '/field', json({}), { kid: channel.kid, ek: 'AAAA' }));
    const message = echo(channel);
    await rejected(channel, { ...message, jwe: sealText(randomBytes(32), JSON.stringify(message.header), '{}') });
  });
});

describe('One key and one IV for everything', () => {
  it('no IV comes twice, in either direction, nor does a ciphertext of the same body', async () => {
    const channel = await open();
    const passed: string[] = [];
    for (let sent = 0; sent < 100; sent++) {
      const message = echo(channel);
      const { wire } = await exchange(channel, message);
      passed.push(message.jwe, wire.body);
    }
    for (const part of [2, 3]) expect(new Set(passed.map((jwe) => jwe.split('.')[part])).size).toBe(passed.length);
  });

  it('an answer does not open under the request’s key, and is not sealed with its IV', async () => {
    const channel = await open();
    const message = echo(channel);
    const { wire, iv } = await exchange(channel, message);
    expect(iv).not.toBe(message.jwe.split('.')[2]);
    expect(() => openCompact(wire.body, directWay(channel.keys.request))).toThrow();
    expect(openCompact(wire.body, directWay(channel.keys.response)).header.status).toBe(201);
  });

  it('another session has other keys', async () => {
    const [mine, theirs] = [await open(), await open()];
    const { wire } = await exchange(mine, echo(mine));
    expect(() => openCompact(wire.body, directWay(theirs.keys.response))).toThrow();
  });
});

describe('A cipher without a MAC, and errors that tell of the cipher', () => {
  it('no other enc or alg is taken, and no refusal quotes OpenSSL', async () => {
    const channel = await open();
    for (const members of [
      { enc: 'A256CBC-HS512' },
      { enc: 'A128GCM' },
      { enc: 'A256CBC' },
      { alg: 'A256KW' },
      { alg: 'RSA1_5' },
      { alg: 'RSA-OAEP' },
      { alg: 'none' },
    ]) {
      const message = echo(channel, members);
      await rejected(channel, message);
      const { body } = await channel.post(message);
      expect(body).not.toMatch(/openssl|cipher|decrypt|padding|tag|unable|error:/i);
    }
  });
});

it('A GCM tag of 4 bytes, right for its length, is refused; so is every other length', async () => {
  const channel = await open();
  const message = echo(channel);
  const parts = message.jwe.split('.');
  for (const length of [15, 14, 13, 12, 8, 4, 1, 0]) {
    const cut = b64u(Buffer.from(parts[4]!, 'base64url').subarray(0, length));
    await rejected(channel, { ...message, jwe: [...parts.slice(0, 4), cut].join('.') });
  }
  expect((await exchange(channel, message)).status).toBe(201);
});

describe('Odd RSA keys', () => {
  const modulus = (bytes: number): string =>
    b64u(
      randomBytes(bytes)
        .fill(0xff, 0, 1)
        .fill(0x01, bytes - 1),
    );

  const BITS = 'an RSA modulus has 2048 to 4096 bits';
  const EXPONENT = '"e" is "AQAB", the exponent 65537';
  const halved = (n = ''): string => b64u(Buffer.from(n, 'base64url').fill(0x7f, 0, 1));

  // Each of them is good but for the one thing: what `detail` says is the rule that was broken.
  it.each([
    ['e = 1', 2048, { e: 'AQ' }, EXPONENT],
    ['e = 3', 2048, { e: 'Aw' }, EXPONENT],
    ['1,024 bits', 1024, {}, BITS],
    ['2,047 bits', 2048, halved, BITS],
    ['16,384 bits', 2048, { n: modulus(2048) }, BITS],
    ['an even modulus', 2048, { n: b64u(randomBytes(256).fill(0xfe)) }, 'the RSA modulus is even'],
    ['a private member', 2048, { d: 'AQ' }, 'the key carries a private member'],
  ])('are key-rejected at the handshake: %s', async (_, bits, change, detail) => {
    const { jwk } = await keyPair('RSA', bits);
    const changed = typeof change === 'function' ? { n: change(jwk.n) } : change;
    const { status, body } = await app.visitor().ask({ publicKey: { ...jwk, ...changed } });
    expect([status, JSON.parse(body)]).toMatchObject([422, { type: 'urn:e2e:problem:key-rejected', detail }]);
  });

  it.each([
    ['16,384 bits', { kty: 'RSA', n: modulus(2048), e: 'AQAB' }],
    ['65,537 bytes', { kty: 'RSA', n: modulus(65_537), e: 'AQAB' }],
    ['65,537 bytes of exponent', { kty: 'RSA', n: modulus(256), e: modulus(65_537) }],
  ])('cost less than ten keys that are accepted: %s', async (_, jwk) => {
    const { jwk: accepted } = await keyPair('RSA');
    // The shortest of many: what a busy machine adds to either is not the key's.
    const shortest = (parse: () => void) =>
      Math.min(
        ...Array.from({ length: 51 }, () => {
          const from = performance.now();
          parse();
          return performance.now() - from;
        }),
      );
    const refused = shortest(() => expect(() => parsePublicKey(jwk)).toThrow());
    expect(refused).toBeLessThan(10 * shortest(() => parsePublicKey(accepted)));
  });
});

it('zip: DEF is refused, and nothing is inflated', async () => {
  const channel = await open();
  const header = channel.header('POST', '/field', { cty: 'application/json', zip: 'DEF' });
  const bomb = deflateRawSync(JSON.stringify({ text: 'a'.repeat(200_000) }));
  expect(bomb.length).toBeLessThan(400);
  await rejected(channel, channel.seal(header, bomb));
});

describe('A timestamp beside what is authenticated, or checked on one side', () => {
  it('is inside: changed on the way, it is rejected', async () => {
    const channel = await open();
    const message = echo(channel);
    const [, ...rest] = message.jwe.split('.');
    const later = b64u(JSON.stringify({ ...message.header, iat: (message.header.iat as number) + 1 }));
    await rejected(channel, { ...message, jwe: [later, ...rest].join('.') });
  });

  it('is held to both sides: too old is stale, and so is too far ahead', async () => {
    const channel = await open();
    const now = Math.floor(Date.now() / 1000);
    const before = ran;
    for (const iat of [0, now - 310, now + 40, 4_102_444_800]) {
      const answer = await exchange(channel, echo(channel, { iat }));
      expect([iat, answer.status, answer.text]).toEqual([iat, 400, expect.stringContaining('message-stale')]);
    }
    expect(ran).toBe(before);
    for (const iat of [now - 290, now + 20]) expect((await exchange(channel, echo(channel, { iat }))).status).toBe(201);
  });
});

it('Replay state that parallel requests overwrite: of 50 copies beside 50 saves of the session, one runs', async () => {
  const channel = await open();
  const before = ran;
  const message = echo(channel);
  const replies: Reply[] = [];
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const save = channel.request('POST', '/field/count');
      replies.push(await channel.post(message));
      await save;
    }),
  );
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(replies.filter(({ status }) => status === 409)).toHaveLength(49);
  expect(ran).toBe(before + 1);
});

describe('Two spellings of the same bytes', () => {
  const engines = [new NodeEngine(), new WebEngine(), new ForgeEngine()];

  it.each(engines.map((engine) => [engine.name, engine] as const))('are refused by the %s engine', (_, engine) => {
    expect(Buffer.from(engine.decodeBase64url('QUJD')!).toString()).toBe('ABC');
    for (const text of ['QU!JD=', 'QUJD=', 'QU JD', 'QUJD\n', 'Q\u0155JD', 'QR', 'QQ==', 'Q', '+/+/', 'QUJDQ']) {
      expect([text, engine.decodeBase64url(text)]).toEqual([text, undefined]);
    }
  });

  it('are refused in every part of a message', async () => {
    const channel = await open();
    const message = echo(channel);
    const parts = message.jwe.split('.');
    for (const part of [0, 1, 2, 3, 4]) {
      for (const spell of [(text: string) => `${text}=`, (text: string) => `${text.slice(0, 2)}!${text.slice(2)}`]) {
        const jwe = parts.map((text, index) => (index === part ? spell(text) : text)).join('.');
        await rejected(channel, { ...message, jwe });
      }
    }
    expect((await exchange(channel, message)).status).toBe(201);
  });
});

describe('One live key where two are needed', () => {
  it('a session’s channels live beside each other, and a save that was under way loses none', async () => {
    const first = await open();
    const held = hold();
    const saving = first.request('POST', '/field/count');
    const others = await Promise.all(Array.from({ length: 5 }, () => first.visitor.handshake('X25519')));
    held();
    expect((await saving).status).toBe(201);
    for (const channel of [first, ...others]) expect((await exchange(channel, echo(channel))).status).toBe(201);
  });

  it('a request that was under way restores no key that was revoked meanwhile', async () => {
    const [first, second] = await Promise.all([open(), open()]);
    const release = hold();
    const saving = first.request('POST', '/field/count');
    expect((await (await first.visitor.handshake('P-256')).request('POST', '/field/revoke')).status).toBe(201);
    release();
    expect((await saving).status).toBe(201);
    expectPlainProblem(await first.post(echo(first)), 'handshake-required');
    expect((await exchange(second, echo(second))).status).toBe(201);
  });

  /** Holds the handlers that save back, until the function that comes back is called. */
  function hold(): () => void {
    let release = (): void => undefined;
    held = new Promise<void>((resolve) => (release = resolve));
    return () => {
      held = undefined;
      release();
    };
  }
});

describe('An own __proto__ that a merge turns into isAdmin', () => {
  it.each([
    '{"__proto__": {"isAdmin": true}}',
    '{"a": [{"__proto__": {"isAdmin": true}}]}',
    '{"\\u005f_proto__": {"isAdmin": true}}',
    '{"constructor": {"prototype": {"isAdmin": true}}}',
  ])('is refused, sealed, before the handler: %s', async (text) => {
    const before = ran;
    const answer = await (await open()).request('POST', '/field', { text, cty: 'application/json' });
    expect([answer.status, ran]).toEqual([400, before]);
  });

  it('does nothing in a sealed query, and is refused in a form', async () => {
    const channel = await open();
    const query = '__proto__[isAdmin]=1&constructor[prototype][isAdmin]=1&__proto__.isAdmin=1&a=1';
    const found = await channel.request('GET', '/field', search(query), { at: 'header' });
    expect(JSON.parse(found.text)).toMatchObject({ isAdmin: false });
    const before = ran;
    const posted = await channel.request('POST', '/field', form(query));
    expect([posted.status, ran]).toEqual([400, before]);
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  });
});

async function exchange(channel: Channel, message: Message): Promise<Sealed> {
  return channel.open(await channel.post(message), message);
}
